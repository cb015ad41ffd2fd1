#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/error.h"
#include "client/job_reference.h"
#include "client/json.h"

namespace joinery::client {
namespace {

std::string FaultName(v1::FaultOf fault_of) {
  switch (fault_of) {
    case v1::FAULT_OF_USER:
      return "the input or the submission";
    case v1::FAULT_OF_INFRASTRUCTURE:
      return "the machines";
    case v1::FAULT_OF_JOINERY:
      return "Joinery";
    default:
      return "";
  }
}

absl::Time FromProto(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

std::string Between(const google::protobuf::Timestamp& begin, const google::protobuf::Timestamp& end) {
  return absl::StrFormat("%.2f s", absl::ToDoubleSeconds(FromProto(end) - FromProto(begin)));
}

// Who ran it, how it ended and how long each stage took.
void AddAttempt(const v1::Attempt& attempt, int number, Table& table) {
  const std::string name = absl::StrCat("attempt ", number);
  table.rows.push_back({name, attempt.has_ended_at() ? absl::StrCat(attempt.worker(), ", ", attempt.end(), " after ",
                                                                    Between(attempt.leased_at(), attempt.ended_at()))
                                                     : absl::StrCat(attempt.worker(), ", running")});
  for (const v1::AttemptStage& stage : attempt.stages()) {
    table.rows.push_back({absl::StrCat(name, " ", stage.stage()),
                          stage.has_ended_at() ? Between(stage.began_at(), stage.ended_at()) : "running"});
  }
}

// Field and value; what is not set is left out.
Table FieldsOf(const v1::Job& job) {
  Table table{{"FIELD", "VALUE"}, {}};
  const auto add = [&table](const std::string& field, const std::string& value) {
    if (!value.empty()) table.rows.push_back({field, value});
  };
  const v1::BuildSpec& build = job.spec().build();
  add("id", job.id());
  add("state", StateName(job.state()));
  if (job.state() == v1::JOB_STATE_QUEUED) add("ahead in queue", absl::StrCat(job.queue_position()));
  add("waits because", job.waiting_reason());
  add("user", job.user());
  add("project", job.project());
  add("array", job.array_id());
  if (job.options().priority() != 0) add("priority", absl::StrCat(job.options().priority()));
  add(job.state() == v1::JOB_STATE_RUNNING ? "shares the run of" : "shared the run of", job.merged_with());
  if (job.answered_from() != job.merged_with()) add("answered from", job.answered_from());
  if (job.cancel_requested()) add("cancel requested", "yes");
  add("kind", job.spec().has_check() ? "check" : "build");
  add("model", ModelName(job));
  add("targets", absl::StrJoin(job.spec().check().targets(), ", "));
  add("calibration", build.calibration_name());
  add("configuration", build.configuration_name());
  add("created", FormatTimestamp(job.created_at()));
  add("deadline", FormatTimestamp(job.deadline()));
  add("started", FormatTimestamp(job.started_at()));
  add("finished", FormatTimestamp(job.finished_at()));
  add("worker", job.worker());
  add("attempts", absl::StrCat(job.attempts()));
  if (job.has_progress() && job.state() == v1::JOB_STATE_RUNNING) {
    add("progress", absl::StrFormat("%s (%d/%d), %.0f %%", job.progress().stage(), job.progress().stage_index(),
                                    job.progress().stage_count(), 100 * job.progress().fraction()));
  }
  if (job.result().has_artifact()) add("artifact", FormatBytes(job.result().artifact().size()));
  if (job.has_failure()) {
    const ErrorReport failure = Describe(OutcomeOf(job));
    add("failure", absl::StrCat(failure.message, " (", failure.code, ")"));
    add("at fault", job.failure().culprit());
    add("fault of", FaultName(job.failure().fault_of()));
    add("may a retry help", job.failure().retry_may_help() ? "yes" : "no");
    add("advice", job.failure().advice());
  }
  for (int i = 0; i < job.attempt_log_size(); ++i) AddAttempt(job.attempt_log(i), i + 1, table);
  return table;
}

absl::Status JobsShow(Invocation& invocation, const std::string& reference) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const v1::Job job, FindJob(*session, reference, StateFolder(invocation.environment())));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(job));
    return invocation.console().Print(document);
  }
  if (invocation.options().quiet) return invocation.console().Print(absl::StrCat(job.id(), "\n"));
  return invocation.PrintTable(FieldsOf(job));
}

}  // namespace

void AddJobsShow(CLI::App& parent, Command* command) {
  CLI::App& show = *parent.add_subcommand("show", "All about one job; the exit code is 0 however it went");
  const auto reference = std::make_shared<std::string>();
  show.add_option("ID", *reference, "A job's id, the beginning of one, or @last")->required();
  show.footer("Examples:\n  joinery jobs show @last\n  joinery jobs show 7f3a --json");
  show.callback([reference, command] {
    *command = [reference](Invocation& invocation) { return JobsShow(invocation, *reference); };
  });
}

}  // namespace joinery::client
