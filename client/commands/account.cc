#include "client/commands/account.h"

#include "absl/strings/str_cat.h"
#include "client/output.h"

namespace joinery::client {
namespace {

std::string Count(int64_t count) { return absl::StrCat(count); }

std::string Of(int64_t use, bool has_limit, int64_t limit, std::string (*format)(int64_t)) {
  return has_limit && limit != kUnlimited ? absl::StrCat(format(use), " of ", format(limit)) : format(use);
}

}  // namespace

std::string DescribeQueuedJobs(const v1::Account& account) {
  return Of(account.use().queued_jobs(), account.limits().has_queued_jobs(), account.limits().queued_jobs(), Count);
}

std::string DescribeRunningJobs(const v1::Account& account) {
  return Of(account.use().running_jobs(), account.limits().has_running_jobs(), account.limits().running_jobs(), Count);
}

std::string DescribeBlobBytes(const v1::Account& account) {
  return Of(account.use().blob_bytes(), account.limits().has_blob_bytes(), account.limits().blob_bytes(), FormatBytes);
}

}  // namespace joinery::client
