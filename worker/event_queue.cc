#include "worker/event_queue.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr size_t kMaxLineBytes = 4096;
constexpr size_t kMaxStageBytes = 128;
constexpr size_t kMaxEventsAtOnce = 1000;
// The server keeps the times of as many. A compiler that makes up names does not fill its database.
constexpr int kMaxKeptStages = 64;
// gRPC takes messages of 4 MiB unless told otherwise.
constexpr size_t kMaxBytesAtOnce = size_t{1} << 20;

v1::JobEvent MakeEvent(absl::Time time) {
  v1::JobEvent event;
  const int64_t nanoseconds = absl::ToUnixNanos(time);
  event.mutable_time()->set_seconds(nanoseconds / 1'000'000'000);
  event.mutable_time()->set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
  return event;
}

}  // namespace

void EventQueue::AddCompilerLine(v1::LogLevel level, absl::string_view text) {
  const absl::MutexLock lock(&mutex_);
  ++compiler_lines_;
  if (compiler_lines_ <= max_lines_) {
    Push(level, text);
  } else if (compiler_lines_ == max_lines_ + 1) {
    Push(v1::LOG_LEVEL_WARNING, absl::StrCat("more than ", max_lines_, " log lines; what follows is not kept"));
  }
}

void EventQueue::AddWorkerLine(v1::LogLevel level, absl::string_view text) {
  const absl::MutexLock lock(&mutex_);
  Push(level, text);
}

void EventQueue::SetProgress(const v1::Progress& progress) {
  v1::JobEvent event = MakeEvent(clock_.Now());
  *event.mutable_progress() = progress;
  event.mutable_progress()->set_stage(CleanText(progress.stage(), kMaxStageBytes));
  if (!std::isfinite(progress.fraction())) event.mutable_progress()->set_fraction(0);
  const absl::MutexLock lock(&mutex_);
  if (progress_.has_value() && progress_->progress().stage() == event.progress().stage()) {
    // The time from which on the stage lasts.
    *event.mutable_time() = progress_->time();
  } else if (progress_.has_value() && kept_stages_ < kMaxKeptStages) {
    ++kept_stages_;
    lines_.push_back(*std::move(progress_));
  }
  progress_ = std::move(event);
}

std::vector<v1::JobEvent> EventQueue::Take() {
  const absl::MutexLock lock(&mutex_);
  std::vector<v1::JobEvent> events;
  size_t bytes = 0;
  while (!lines_.empty() && events.size() + 1 < kMaxEventsAtOnce && bytes < kMaxBytesAtOnce) {
    bytes += lines_.front().log().text().size();
    events.push_back(std::move(lines_.front()));
    lines_.pop_front();
  }
  if (progress_.has_value()) events.push_back(*std::move(progress_));
  progress_.reset();
  return events;
}

bool EventQueue::empty() const {
  const absl::MutexLock lock(&mutex_);
  return lines_.empty() && !progress_.has_value();
}

bool EventQueue::has_full_batch() const {
  const absl::MutexLock lock(&mutex_);
  return lines_.size() >= kMaxEventsAtOnce;
}

void EventQueue::Push(v1::LogLevel level, absl::string_view text) {
  v1::JobEvent event = MakeEvent(clock_.Now());
  event.mutable_log()->set_level(level == v1::LOG_LEVEL_UNSPECIFIED ? v1::LOG_LEVEL_INFO : level);
  event.mutable_log()->set_text(CleanText(text, kMaxLineBytes));
  lines_.push_back(std::move(event));
}

}  // namespace joinery::worker
