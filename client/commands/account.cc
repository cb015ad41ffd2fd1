#include "client/commands/account.h"

#include "absl/strings/str_cat.h"
#include "client/output.h"

namespace joinery::client {
namespace {

std::string Of(const std::string& use, bool has_limit, const std::string& limit) {
  return has_limit ? absl::StrCat(use, " of ", limit) : use;
}

}  // namespace

std::string DescribeQueuedJobs(const v1::Account& account) {
  return Of(absl::StrCat(account.use().queued_jobs()), account.limits().has_queued_jobs(),
            absl::StrCat(account.limits().queued_jobs()));
}

std::string DescribeRunningJobs(const v1::Account& account) {
  return Of(absl::StrCat(account.use().running_jobs()), account.limits().has_running_jobs(),
            absl::StrCat(account.limits().running_jobs()));
}

std::string DescribeBlobBytes(const v1::Account& account) {
  return Of(FormatBytes(account.use().blob_bytes()), account.limits().has_blob_bytes(),
            FormatBytes(account.limits().blob_bytes()));
}

}  // namespace joinery::client
