#include "server/job_watch.h"

#include <utility>

#include "absl/status/status.h"
#include "base/status.h"

namespace joinery::server {
namespace {

constexpr size_t kEventsAtATime = 100;

bool IsFinal(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED || state == v1::JOB_STATE_CANCELLED;
}

bool IsLast(const v1::JobEvent& event) { return event.has_job() && IsFinal(event.job().state()); }

}  // namespace

absl::Status StoppingError() { return absl::UnavailableError("the server is stopping; try again"); }

JobWatch::JobWatch(storage::JobStore& jobs, const std::atomic<bool>& stopped, JobWatchers& watchers,
                   const std::string& id, int64_t after_sequence, JobWatchers::Tell tell)
    : jobs_(jobs),
      stopped_(stopped),
      id_(id),
      after_sequence_(after_sequence),
      subscription_(watchers, id, std::move(tell)) {}

absl::StatusOr<JobWatch::News> JobWatch::Next() {
  if (stopped_) return StoppingError();
  News news;
  ASSIGN_OR_RETURN(news.events, jobs_.Events(id_, after_sequence_, kEventsAtATime));
  if (news.events.empty()) {
    ASSIGN_OR_RETURN(const v1::Job job, jobs_.Get(id_));
    if (!IsFinal(job.state())) return news;
    // It may have ended between the two.
    ASSIGN_OR_RETURN(news.events, jobs_.Events(id_, after_sequence_, kEventsAtATime));
    news.over = news.events.empty();
    if (news.over) return news;
  }
  after_sequence_ = news.events.back().sequence();
  news.more = news.events.size() == kEventsAtATime;
  news.over = IsLast(news.events.back());
  return news;
}

}  // namespace joinery::server
