#include "storage/sqlite/quotas.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

std::optional<int64_t> LimitIn(const Statement& row, const char* column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Integer(column);
}

absl::Status CheckQueuedLimit(Database& database, const LimitSubject& subject, int64_t added,
                              const std::optional<int64_t>& default_limit) {
  ASSIGN_OR_RETURN(const Limits limits, FindLimits(database, subject));
  const std::optional<int64_t> limit = limits.queued_jobs.has_value() ? limits.queued_jobs : default_limit;
  if (!limit.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Use use, FindUse(database, subject));
  if (use.queued_jobs + added <= *limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(NameOf(subject.kind), " ", subject.name, " has ", use.queued_jobs,
                                                   " jobs queued and asks for ", added, " more; the limit is ", *limit,
                                                   ": wait until some have ended, or cancel some"));
}

}  // namespace

Limits LimitsIn(const Statement& row) {
  return {.blob_bytes = LimitIn(row, "blob_bytes"),
          .queued_jobs = LimitIn(row, "queued_jobs"),
          .running_jobs = LimitIn(row, "running_jobs")};
}

absl::StatusOr<Limits> FindLimits(Database& database, const LimitSubject& subject) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kFindLimits));
  rows->BindText(":kind", NameOf(subject.kind)).BindText(":name", subject.name);
  Limits limits;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return limits;
    const Limits row = LimitsIn(*rows);
    if (!limits.blob_bytes.has_value()) limits.blob_bytes = row.blob_bytes;
    if (!limits.queued_jobs.has_value()) limits.queued_jobs = row.queued_jobs;
    if (!limits.running_jobs.has_value()) limits.running_jobs = row.running_jobs;
  }
}

absl::StatusOr<Use> FindUse(Database& database, const LimitSubject& subject) {
  const bool is_user = subject.kind == LimitKind::kUser;
  ASSIGN_OR_RETURN(const auto row, database.Prepare(is_user ? statements::kUseOfUser : statements::kUseOfProject));
  RETURN_IF_ERROR(row->BindText(":name", subject.name).Step().status());
  return Use{.blob_bytes = row->Integer("bytes"),
             .queued_jobs = row->Integer("queued"),
             .running_jobs = row->Integer("running")};
}

absl::Status CheckQueuedLimits(Database& database, const Submission& submission, int64_t added,
                               const QueueLimits& defaults) {
  std::optional<int64_t> user_default;
  if (defaults.max_queued_per_user > 0) user_default = defaults.max_queued_per_user;
  RETURN_IF_ERROR(CheckQueuedLimit(database, {LimitKind::kUser, submission.user}, added, user_default));
  return CheckQueuedLimit(database, {LimitKind::kProject, submission.project}, added, std::nullopt);
}

}  // namespace joinery::storage
