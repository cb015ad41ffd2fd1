#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/error.h"
#include "client/json.h"
#include "client/nearest.h"
#include "client/output.h"

namespace joinery::client {
namespace {

constexpr int kLargestPage = 1000;

struct JobsListArguments {
  std::vector<std::string> states;
  int limit = 50;
  std::string array_id;
  std::string user;
};

absl::StatusOr<v1::JobState> ParseState(const std::string& name) {
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  const std::string upper = absl::AsciiStrToUpper(name);
  if (v1::JobState_Parse(absl::StrCat("JOB_STATE_", upper), &state) && state != v1::JOB_STATE_UNSPECIFIED) return state;
  const std::string nearest = Nearest(upper, {"QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"});
  return WithFix(absl::InvalidArgumentError(absl::StrCat("there is no state \"", name, "\"")),
                 nearest.empty() ? "the states are queued, running, succeeded, failed and cancelled"
                                 : absl::StrCat("did you mean ", absl::AsciiStrToLower(nearest), "?"));
}

std::string WhenCreated(const v1::Job& job, const Invocation& invocation, bool for_people) {
  if (!for_people || !job.has_created_at()) return FormatTimestamp(job.created_at());
  return FormatAge(invocation.clock().Now() - absl::FromUnixSeconds(job.created_at().seconds()));
}

Table TableOf(const std::vector<v1::Job>& jobs, Invocation& invocation) {
  const bool for_people = invocation.console().traits().out_is_terminal;
  Table table{{"ID", "STATE", "MODEL", "CREATED", "WORKER"}, {}};
  table.rows.reserve(jobs.size());
  for (const v1::Job& job : jobs) {
    table.rows.push_back(
        {job.id(), StateName(job.state()), ModelName(job), WhenCreated(job, invocation, for_people), job.worker()});
  }
  return table;
}

absl::Status JobsList(Invocation& invocation, const JobsListArguments& arguments) {
  v1::ListJobsRequest request;
  for (const std::string& name : arguments.states) {
    ASSIGN_OR_RETURN(const v1::JobState state, ParseState(name));
    request.add_states(state);
  }
  request.set_array_id(arguments.array_id);
  request.set_user(arguments.user);
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  std::vector<v1::Job> jobs;
  do {
    const int wanted = arguments.limit - static_cast<int>(jobs.size());
    request.set_page_size(std::min(wanted, kLargestPage));
    ASSIGN_OR_RETURN(v1::ListJobsResponse page, session->ListJobs(request));
    for (v1::Job& job : *page.mutable_jobs()) jobs.push_back(std::move(job));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty() && static_cast<int>(jobs.size()) < arguments.limit);
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(jobs, request.page_token()));
    return invocation.console().Print(document);
  }
  RETURN_IF_ERROR(invocation.PrintTable(TableOf(jobs, invocation)));
  if (!request.page_token().empty() && invocation.console().traits().out_is_terminal) {
    invocation.Note(absl::StrCat("there are more; see them with --limit ", 2 * arguments.limit));
  }
  return absl::OkStatus();
}

}  // namespace

void AddJobsList(CLI::App& parent, Command* command) {
  CLI::App& list = *parent.add_subcommand("list", "The newest jobs, newest first");
  const auto arguments = std::make_shared<JobsListArguments>();
  list.add_option("--state", arguments->states, "Only queued, running, succeeded, failed or cancelled ones; repeatable")
      ->type_name("STATE")
      ->allow_extra_args(false);
  list.add_option("--array", arguments->array_id, "Only the jobs of this array")->type_name("ID");
  list.add_option("--user", arguments->user, "Only the jobs of this user")->type_name("NAME");
  list.add_option("--limit", arguments->limit, "At most so many")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  list.footer(
      "Columns: id, state, model, created, worker. In a pipe: tabs between them, no header, times in RFC 3339.\n"
      "\n"
      "Examples:\n"
      "  joinery jobs list --state failed --limit 10\n"
      "  joinery jobs list --json");
  list.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return JobsList(invocation, *arguments); };
  });
}

}  // namespace joinery::client
