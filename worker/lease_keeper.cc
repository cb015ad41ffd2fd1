#include "worker/lease_keeper.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/wait.h"
#include "spdlog/spdlog.h"
#include "telemetry/log.h"
#include "worker/rpc.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr absl::Duration kLongestInterval = absl::Milliseconds(250);
constexpr absl::Duration kShortestInterval = absl::Milliseconds(20);
constexpr absl::Duration kHurry = absl::Seconds(2);

absl::Duration TermOf(const v1::Lease& lease) {
  return absl::Seconds(lease.term().seconds()) + absl::Nanoseconds(lease.term().nanos());
}

void SetEvents(std::vector<v1::JobEvent> events, google::protobuf::RepeatedPtrField<v1::JobEvent>& field) {
  field.Assign(std::make_move_iterator(events.begin()), std::make_move_iterator(events.end()));
}

}  // namespace

LeaseKeeper::LeaseKeeper(v1::WorkerService::StubInterface& workers, const v1::Lease& lease, EventQueue& events,
                         JobStop& stop, const base::Clock& stopwatch)
    : workers_(workers),
      token_(lease.token()),
      term_(TermOf(lease)),
      events_(events),
      stop_(stop),
      stopwatch_(stopwatch),
      renewed_at_(stopwatch.Now()),
      thread_([this] { BeatUntilDone(); }) {}

LeaseKeeper::~LeaseKeeper() { StopBeating(); }

void LeaseKeeper::StopBeating() {
  if (!done_.HasBeenNotified()) done_.Notify();
  if (thread_.joinable()) thread_.join();
}

void LeaseKeeper::BeatUntilDone() {
  const absl::Duration interval = std::clamp(term_ / 5, kShortestInterval, kLongestInterval);
  bool was_ok = true;
  absl::Duration wait = interval;
  while (!done_.WaitForNotificationWithTimeout(wait)) {
    const absl::Status status = Beat();
    // What one message cannot hold need not wait for the next beat.
    wait = status.ok() && events_.has_full_batch() ? absl::ZeroDuration() : interval;
    if (status.ok() != was_ok) {
      was_ok = status.ok();
      if (was_ok) {
        spdlog::info("heartbeats come through again");
      } else {
        spdlog::warn("heartbeat failed error={}", telemetry::LogValue(CleanText(status.ToString(), 500)));
      }
    }
    if (absl::IsAborted(status) || stopwatch_.Now() >= lease_end()) {
      stop_.Request(StopReason::kLeaseLost);
      return;
    }
  }
}

absl::Status LeaseKeeper::Beat() {
  const absl::Time sent_at = stopwatch_.Now();
  v1::HeartbeatRequest request;
  request.set_token(token_);
  TakeEvents();
  SetEvents(unacknowledged_, *request.mutable_events());
  request.set_first_event(first_event_);
  v1::HeartbeatResponse response;
  // No use in waiting for an answer for longer than the lease lasts.
  const absl::Duration deadline = std::clamp(lease_end() - sent_at, kLongestInterval, kRpcDeadline);
  const absl::Status status = CallServer(std::stop_token(), deadline, [&](grpc::ClientContext& context) {
    return workers_.Heartbeat(&context, request, &response);
  });
  if (status.ok()) {
    const absl::MutexLock lock(&mutex_);
    renewed_at_ = sent_at;
  }
  // Errors that do not pass may be about the events themselves: sent again, they would fail for ever.
  if (status.ok() || !base::IsRetriable(status)) Acknowledge();
  if (response.cancel_requested()) stop_.Request(StopReason::kCancelled);
  return status;
}

void LeaseKeeper::TakeEvents() {
  if (unacknowledged_.empty()) unacknowledged_ = events_.Take();
}

void LeaseKeeper::Acknowledge() {
  first_event_ += static_cast<int64_t>(unacknowledged_.size());
  unacknowledged_.clear();
}

absl::Status LeaseKeeper::SendRemainingEvents(v1::FinishJobRequest& request) {
  while (true) {
    TakeEvents();
    if (events_.empty()) {
      SetEvents(unacknowledged_, *request.mutable_events());
      request.set_first_event(first_event_);
      return absl::OkStatus();
    }
    const absl::Status status = Beat();
    // Any other error is about the events, which are gone then; the outcome matters more.
    if (absl::IsAborted(status) || base::IsRetriable(status)) return status;
  }
}

absl::Status LeaseKeeper::Finish(v1::FinishJobRequest request, Backoff backoff, const std::stop_token& hurry) {
  StopBeating();
  request.set_token(token_);
  absl::Time give_up_at = absl::InfiniteFuture();
  bool events_are_in = false;
  while (true) {
    absl::Status status = events_are_in ? absl::OkStatus() : SendRemainingEvents(request);
    events_are_in = events_are_in || status.ok();
    if (status.ok()) {
      v1::FinishJobResponse response;
      status =
          CallServer(std::stop_token(), hurry.stop_requested() ? kHurry : kRpcDeadline,
                     [&](grpc::ClientContext& context) { return workers_.FinishJob(&context, request, &response); });
    }
    if (!base::IsRetriable(status)) return status;
    if (hurry.stop_requested()) give_up_at = std::min(give_up_at, stopwatch_.Now() + kHurry);
    if (stopwatch_.Now() >= lease_end()) {
      return absl::AbortedError("the lease was over before the server could be reached again");
    }
    if (stopwatch_.Now() >= give_up_at) return status;
    const absl::Duration wait = std::min(backoff.Next(), lease_end() - stopwatch_.Now());
    if (hurry.stop_requested()) {
      absl::SleepFor(std::min(wait, kHurry / 10));
    } else {
      base::WaitOrStop(hurry, wait);
    }
  }
}

absl::Time LeaseKeeper::lease_end() const {
  const absl::MutexLock lock(&mutex_);
  return renewed_at_ + term_;
}

}  // namespace joinery::worker
