// Session: events of a job.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/error.h"
#include "client/session.h"
#include "credentials/channel.h"

namespace joinery::client {
namespace {

// gRPC's clock and ours need not agree to the millisecond on when a call's time was up.
constexpr absl::Duration kDeadlineSlack = absl::Milliseconds(20);

}  // namespace

absl::Status Session::ReadEvents(grpc::ClientContext& context, const std::string& id, int64_t* sequence,
                                 v1::Job* final_job, const std::function<absl::Status(const v1::JobEvent&)>& on_event) {
  v1::WatchJobRequest request;
  request.set_id(id);
  request.set_after_sequence(*sequence);
  const auto reader = jobs_->WatchJob(&context, request);
  v1::JobEvent event;
  while (reader->Read(&event)) {
    if (event.sequence() <= *sequence) continue;
    *sequence = event.sequence();
    const absl::Status status = on_event(event);
    const bool ended = event.has_job() && IsFinal(event.job().state());
    if (ended) *final_job = event.job();
    if (ended || !status.ok()) {
      context.TryCancel();
      reader->Finish();
      return status;
    }
  }
  RETURN_IF_ERROR(credentials::ToStatus(reader->Finish()));
  return absl::UnavailableError("the stream of events ended before the job did");
}

absl::StatusOr<v1::Job> Session::Watch(const std::string& id, int64_t after_sequence, absl::Time deadline,
                                       const std::function<absl::Status(const v1::JobEvent&)>& on_event) {
  Backoff backoff(options_.backoff, options_.random);
  int64_t sequence = after_sequence;
  while (true) {
    const absl::Time begin = absl::Now();
    const int64_t sequence_before = sequence;
    v1::Job final_job;
    bool ignored = false;
    const absl::Status status = RunOnce(
        std::min(options_.watch_timeout, deadline - begin),
        [&](grpc::ClientContext& context, bool* /*progressed*/) {
          return ReadEvents(context, id, &sequence, &final_job, on_event);
        },
        &ignored);
    if (status.ok()) return final_job;
    if (OriginOf(status) != Origin::kUnspecified) return status;
    if (const absl::Status interrupted = options_.interruption->Check(); !interrupted.ok()) {
      return WithJob(interrupted, id);
    }
    if (absl::Now() + kDeadlineSlack >= deadline) {
      return WithJob(WithOrigin(absl::DeadlineExceededError(absl::StrCat("job ", id, " has not ended in time")),
                                Origin::kWaitTimedOut),
                     id);
    }
    const absl::Status annotated = base::Annotate(status, absl::StrCat("watching job ", id));
    if (!base::IsRetriable(status)) return annotated;
    // A quiet stream that ran into its own deadline is no failure.
    if (absl::IsDeadlineExceeded(status) && absl::Now() - begin >= options_.watch_timeout) continue;
    if (sequence > sequence_before) backoff.Reset();
    RETURN_IF_ERROR(PauseBeforeRetry(backoff, annotated));
  }
}

}  // namespace joinery::client
