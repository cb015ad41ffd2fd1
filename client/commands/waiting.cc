#include "client/commands/waiting.h"

#include <deque>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/error.h"
#include "client/json.h"
#include "client/output.h"

namespace joinery::client {
namespace {

constexpr size_t kLogTail = 20;

void ShowJob(const v1::Job& job, ProgressDisplay& progress) {
  switch (job.state()) {
    case v1::JOB_STATE_QUEUED:
      return progress.Update({.stage = job.attempts() > 0 ? "queued again" : "queued",
                              .detail = !job.waiting_reason().empty() ? absl::StrCat("(", job.waiting_reason(), ")")
                                        : job.queue_position() > 0 ? absl::StrCat("(", job.queue_position(), " ahead)")
                                                                   : ""});
    case v1::JOB_STATE_RUNNING:
      return progress.Update({.stage = job.cancel_requested() ? "being cancelled" : "running",
                              .detail = absl::StrCat("(worker ", job.worker(), ", attempt ", job.attempts(), ")")});
    default:
      return;
  }
}

absl::StatusOr<v1::Job> WaitUntil(Invocation& invocation, const std::string& id, absl::Time deadline) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  invocation.set_job_id(id);
  std::deque<std::string> log;
  ASSIGN_OR_RETURN(const v1::Job job, session->Watch(id, 0, deadline, [&](const v1::JobEvent& event) {
    ShowEvent(event, invocation.progress());
    if (event.has_log()) log.push_back(event.log().text());
    if (log.size() > kLogTail) log.pop_front();
    return absl::OkStatus();
  }));
  invocation.progress().Clear();
  invocation.set_job_id("");
  if (job.state() == v1::JOB_STATE_FAILED) {
    for (const std::string& line : log) invocation.Note(line);
  }
  return job;
}

}  // namespace

void ShowEvent(const v1::JobEvent& event, ProgressDisplay& progress) {
  if (event.has_job()) ShowJob(event.job(), progress);
  if (event.has_progress()) {
    const v1::Progress& news = event.progress();
    progress.Update({.stage = news.stage(),
                     .detail = absl::StrCat("(", news.stage_index(), "/", news.stage_count(), ")"),
                     .fraction = news.fraction()});
  }
}

absl::StatusOr<absl::Time> WaitDeadline(const std::string& timeout) {
  if (timeout.empty()) return absl::InfiniteFuture();
  ASSIGN_OR_RETURN(const absl::Duration duration, ParsePositiveDuration(timeout, "--timeout"));
  return absl::Now() + duration;
}

absl::StatusOr<v1::Job> WaitForJob(Invocation& invocation, const std::string& id, const std::string& timeout) {
  ASSIGN_OR_RETURN(const absl::Time deadline, WaitDeadline(timeout));
  return WaitUntil(invocation, id, deadline);
}

absl::StatusOr<std::vector<v1::Job>> WaitForJobs(Invocation& invocation, const std::vector<v1::Job>& jobs,
                                                 const std::string& timeout) {
  ASSIGN_OR_RETURN(const absl::Time deadline, WaitDeadline(timeout));
  std::vector<v1::Job> ended;
  ended.reserve(jobs.size());
  for (const v1::Job& job : jobs) {
    ASSIGN_OR_RETURN(v1::Job final_job, WaitUntil(invocation, job.id(), deadline));
    invocation.Note(absl::StrCat("job ", final_job.id(), " ", StateName(final_job.state()), " ", ModelName(final_job)));
    ended.push_back(std::move(final_job));
  }
  return ended;
}

absl::Status PrintIdIfAlive(Invocation& invocation, const absl::Status& status) {
  if (OriginOf(status) != Origin::kWaitTimedOut) return status;
  const std::string id = Describe(status).job_id;
  invocation.progress().Clear();
  RETURN_IF_ERROR(invocation.console().Print(
      invocation.options().json ? JsonObject({{"schema", "\"v1\""}, {"id", JsonString(id)}}) + "\n" : id + "\n"));
  return WithFix(status, absl::StrCat("it goes on; wait for it with: joinery jobs watch ", id));
}

}  // namespace joinery::client
