#include "tests/bench/queue/figures.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace joinery::bench {

void Figures::Add(absl::Duration duration) {
  const absl::MutexLock lock(&mutex_);
  durations_.push_back(duration);
}

void Figures::Add(const Figures& other) {
  const absl::MutexLock lock(&mutex_);
  const absl::MutexLock other_lock(&other.mutex_);
  durations_.insert(durations_.end(), other.durations_.begin(), other.durations_.end());
}

size_t Figures::count() const {
  const absl::MutexLock lock(&mutex_);
  return durations_.size();
}

absl::Duration Figures::Quantile(double part) const {
  const absl::MutexLock lock(&mutex_);
  if (durations_.empty()) return absl::ZeroDuration();
  std::vector<absl::Duration> sorted = durations_;
  const auto index = std::min(static_cast<size_t>(part * static_cast<double>(sorted.size())), sorted.size() - 1);
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(index), sorted.end());
  return sorted[index];
}

std::string Figures::Describe() const {
  return absl::StrFormat("p50 %.2f ms, p99 %.2f ms, max %.2f ms (%d)", absl::ToDoubleMilliseconds(Quantile(0.5)),
                         absl::ToDoubleMilliseconds(Quantile(0.99)), absl::ToDoubleMilliseconds(Quantile(1)), count());
}

}  // namespace joinery::bench
