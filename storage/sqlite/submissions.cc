#include "storage/sqlite/submissions.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "storage/sqlite/events.h"
#include "storage/sqlite/job_id.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/needs.h"
#include "storage/sqlite/shared_runs.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// What a step of priority is worth: so a job of the lowest waits at most 200 min longer than one of the highest.
constexpr absl::Duration kPriorityStep = absl::Minutes(1);

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

absl::StatusOr<std::string> NewJobId(Database& database, absl::Time now, const RandomSource& random) {
  while (true) {
    std::string id = MakeJobId(now, random);
    ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kFindJob));
    ASSIGN_OR_RETURN(const bool taken, row->BindText(":id", id).Step());
    if (!taken) return id;
  }
}

void BindOptions(const v1::JobOptions& options, const Moment& now, Statement& statement) {
  statement.BindBlob(":options", options.SerializeAsString())
      .BindInteger(":rank", now.queue - absl::ToInt64Nanoseconds(options.priority() * kPriorityStep));
  if (options.has_max_attempt_duration()) {
    statement.BindInteger(":max_attempt", absl::ToInt64Nanoseconds(FromProto(options.max_attempt_duration())));
  }
  if (options.has_finish_within()) {
    const absl::Duration finish_within = FromProto(options.finish_within());
    statement.BindInteger(":deadline", absl::ToUnixNanos(now.time + finish_within))
        .BindInteger(":expires_at", now.queue + absl::ToInt64Nanoseconds(finish_within));
  }
}

absl::Status Answer(Database& database, int64_t number, const v1::Job& answer, const Moment& now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kAnswerJob));
  return statement->BindInteger(":number", number)
      .BindBlob(":result", answer.result().SerializeAsString())
      .BindText(":answered_from", answer.id())
      .BindText(":compiler_version", answer.compiler_version())
      .BindInteger(":now", absl::ToUnixNanos(now.time))
      .BindInteger(":queue_now", now.queue)
      .Run();
}

absl::StatusOr<int64_t> InsertRow(Database& database, const Submission& submission,
                                  const std::string& stored_request_id, const ArrayPlace& place, const Moment& now,
                                  const RandomSource& random) {
  ASSIGN_OR_RETURN(const std::string id, NewJobId(database, now.time, random));
  ASSIGN_OR_RETURN(const int64_t need, FindOrInsertNeed(database, submission.options.requirements()));
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kInsertJob));
  BindOptions(submission.options, now, *row);
  row->BindText(":id", id)
      .BindText(":request_id", stored_request_id)
      .BindText(":user", submission.user)
      .BindText(":project", submission.project)
      .BindBlob(":spec", submission.spec.SerializeAsString())
      .BindText(":spec_digest", SpecDigest(submission.spec))
      .BindInteger(":need", need)
      .BindInteger(":fresh", submission.options.fresh() ? 1 : 0)
      .BindText(":array_id", place.array_id)
      .BindInteger(":array_index", place.index)
      .BindInteger(":now", absl::ToUnixNanos(now.time));
  RETURN_IF_ERROR(row->Step().status());
  return row->Integer("number");
}

// Each try of a request is a span of its own.
std::string WithoutTrace(v1::JobOptions options) {
  options.clear_traceparent();
  return options.SerializeAsString();
}

}  // namespace

std::string StoredRequestId(const std::string& project, const std::string& request_id, int index) {
  // Neither has line feeds.
  return index < 0 ? absl::StrCat(project, "\n", request_id) : absl::StrCat(project, "\n", request_id, "\n", index);
}

std::string SpecDigest(const v1::JobSpec& spec) { return base::Sha256(spec.SerializeAsString()); }

absl::StatusOr<v1::Job> InsertJob(Database& database, const Submission& submission,
                                  const std::string& stored_request_id, const ArrayPlace& place, const Moment& now,
                                  const RandomSource& random) {
  ASSIGN_OR_RETURN(const int64_t number, InsertRow(database, submission, stored_request_id, place, now, random));
  ASSIGN_OR_RETURN(v1::Job job, ReadChangedJob(database, number, now.time));
  if (!submission.answer.has_value()) {
    ASSIGN_OR_RETURN(const std::optional<int64_t> run, FindRunToShare(database, number));
    if (!run.has_value()) return job;
    return ShareRun(database, number, *run, MakeLeaseToken(random), now);
  }
  RETURN_IF_ERROR(Answer(database, number, *submission.answer, now));
  return ReadChangedJob(database, number, now.time);
}

absl::Status CheckSameRequest(const v1::Job& earlier, const Submission& submission) {
  if (earlier.spec().SerializeAsString() == submission.spec.SerializeAsString() &&
      WithoutTrace(earlier.options()) == WithoutTrace(submission.options)) {
    return absl::OkStatus();
  }
  return absl::AlreadyExistsError(absl::StrCat("the request_id was used for job ", earlier.id(),
                                               ", which asks for something else; choose a new one"));
}

}  // namespace joinery::storage
