#include "storage/sqlite/job_audit.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "storage/sqlite/audit_log.h"

namespace joinery::storage {

absl::Status AuditChange(Database& database, const Actor& by, absl::string_view action, const std::string& subject,
                         const std::string& details, const Moment& now) {
  return AppendAudit(
      database, {.time = now.time, .by = by, .action = std::string(action), .subject = subject, .details = details});
}

absl::Status AuditSubmission(Database& database, const Submission& submission, const v1::Job& job, const Moment& now) {
  const Actor by = {
      .user = submission.user, .project = submission.project, .token_id = submission.token_id, .peer = submission.peer};
  std::vector<std::string> details;
  if (!job.array_id().empty()) details.push_back("array=" + job.array_id());
  if (!job.answered_from().empty()) details.push_back("answered_from=" + job.answered_from());
  return AuditChange(database, by, "job.create", job.id(), absl::StrJoin(details, " "), now);
}

absl::Status AuditEnd(Database& database, const Actor& by, const v1::Job& job, const Moment& now) {
  const std::string run = absl::StrCat("attempts=", job.attempts(), " worker=", job.worker(), " user=", job.user());
  if (job.state() == v1::JOB_STATE_SUCCEEDED) return AuditChange(database, by, "job.succeed", job.id(), run, now);
  if (job.state() != v1::JOB_STATE_FAILED) return absl::OkStatus();
  return AuditChange(database, by, "job.fail", job.id(),
                     absl::StrCat("reason=", v1::FailureReason_Name(job.failure().reason()), " ", run), now);
}

}  // namespace joinery::storage
