#include "telemetry/tracer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace joinery::telemetry {

Tracer::Tracer(std::unique_ptr<SpanExporter> exporter, const base::Clock& clock, RandomBits random,
               const TracerOptions& options)
    : exporter_(std::move(exporter)), clock_(clock), random_(std::move(random)), options_(options) {
  if (exporter_ != nullptr) thread_ = std::thread([this] { ExportUntilStopped(); });
}

Tracer::~Tracer() {
  if (!thread_.joinable()) return;
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
    mutex_.AwaitWithTimeout(absl::Condition(&ended_), options_.last_flush);
    abandoned_ = true;
  }
  exporter_->Stop();
  thread_.join();
}

void Tracer::Record(Span span) {
  if (exporter_ == nullptr || !span.context.sampled) return;
  const absl::MutexLock lock(&mutex_);
  if (queue_.size() >= options_.max_queued) {
    ++dropped_;
  } else {
    queue_.push_back(std::move(span));
  }
}

int64_t Tracer::exported() const {
  const absl::MutexLock lock(&mutex_);
  return exported_;
}

int64_t Tracer::dropped() const {
  const absl::MutexLock lock(&mutex_);
  return dropped_;
}

bool Tracer::WaitOrStop(absl::Duration pause) {
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
}

void Tracer::Deliver(const std::vector<Span>& batch) {
  absl::Status status;
  absl::Duration pause = options_.first_pause;
  for (int tries = 1; true; ++tries) {
    status = exporter_->Export(batch);
    if (!absl::IsUnavailable(status) || tries >= options_.max_tries) break;
    if (WaitOrStop(pause)) break;
    pause *= 2;
  }
  const absl::MutexLock lock(&mutex_);
  (status.ok() ? exported_ : dropped_) += static_cast<int64_t>(batch.size());
}

std::vector<Span> Tracer::NextBatch() {
  const absl::MutexLock lock(&mutex_);
  if (abandoned_) {
    dropped_ += static_cast<int64_t>(queue_.size());
    queue_.clear();
  }
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.max_batch));
  std::vector<Span> batch(std::make_move_iterator(queue_.begin()), std::make_move_iterator(end));
  queue_.erase(queue_.begin(), end);
  return batch;
}

void Tracer::ExportUntilStopped() {
  bool stopping = false;
  while (!stopping) {
    stopping = WaitOrStop(options_.flush_period);
    for (std::vector<Span> batch = NextBatch(); !batch.empty(); batch = NextBatch()) Deliver(batch);
  }
  const absl::MutexLock lock(&mutex_);
  ended_ = true;
}

}  // namespace joinery::telemetry
