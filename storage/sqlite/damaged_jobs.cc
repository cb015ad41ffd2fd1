#include "storage/sqlite/damaged_jobs.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/failure_facts.h"
#include "storage/sqlite/events.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/leases.h"
#include "storage/sqlite/shared_runs.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

template <typename Message>
std::string OrNothing(const std::string& bytes) {
  return Message().ParseFromString(bytes) ? bytes : "";
}

v1::Failure FailureOf(const absl::Status& damage) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INTERNAL);
  failure.set_message(absl::StrCat("the server cannot read what it stored of the job (", damage.message(),
                                   "), and has set it aside: submit it again"));
  failure.set_fault_of(v1::FAULT_OF_INFRASTRUCTURE);
  CompleteFailure(failure);
  return failure;
}

}  // namespace

absl::StatusOr<v1::Job> SetAsideDamaged(Database& database, int64_t number, const absl::Status& damage,
                                        const Moment& now) {
  ASSIGN_OR_RETURN(const std::vector<int64_t> sharing, JobsSharing(database, number));
  for (const int64_t other : sharing) {
    const JobEnd queued_again = {.state = v1::JOB_STATE_QUEUED, .uncounted = true, .attempt_end = "released"};
    RETURN_IF_ERROR(EndAlone(database, other, queued_again, now).status());
  }
  {
    ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kGetJob));
    RETURN_IF_ERROR(row->BindInteger(":number", number).Step().status());
    ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetAsideJob));
    RETURN_IF_ERROR(statement->BindInteger(":number", number)
                        .BindBlob(":spec", OrNothing<v1::JobSpec>(row->Blob("spec")))
                        .BindBlob(":options", OrNothing<v1::JobOptions>(row->Blob("options")))
                        .BindBlob(":attempt_log", OrNothing<v1::Job>(row->Blob("attempt_log")))
                        .BindBlob(":failure", FailureOf(damage).SerializeAsString())
                        .BindInteger(":now", absl::ToUnixNanos(now.time))
                        .BindInteger(":queue_now", now.queue)
                        .Run());
  }
  return ReadChangedJob(database, number, now.time);
}

}  // namespace joinery::storage
