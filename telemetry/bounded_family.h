// A metric with labels whose number of series has a limit: whatever comes in as a label, what is scraped stays small.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace joinery::telemetry {

// What a label is called once there are too many.
inline constexpr char kOtherLabel[] = "other";

// Thread-safe.
template <typename Metric>
class BoundedFamily {
 public:
  // `keys` are the labels' names. The family must outlive this object.
  BoundedFamily(prometheus::Family<Metric>& family, std::vector<std::string> keys, size_t max_series)
      : family_(family), keys_(std::move(keys)), max_series_(max_series) {}

  // The series with these values, one for each key. Beyond the limit it is the one that has "other" for all of them.
  // `arguments` are those of Metric's constructor.
  template <typename... Arguments>
  Metric& With(const std::vector<std::string>& values, const Arguments&... arguments) {
    const absl::MutexLock lock(&mutex_);
    const auto found = series_.find(values);
    if (found != series_.end()) return *found->second;
    if (series_.size() < max_series_) return Add(values, arguments...);
    const std::vector<std::string> others(keys_.size(), kOtherLabel);
    const auto other = series_.find(others);
    return other != series_.end() ? *other->second : Add(others, arguments...);
  }

 private:
  template <typename... Arguments>
  Metric& Add(const std::vector<std::string>& values, const Arguments&... arguments)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    prometheus::Labels labels;
    for (size_t i = 0; i < keys_.size(); ++i) labels[keys_[i]] = values[i];
    Metric& metric = family_.Add(labels, arguments...);
    series_[values] = &metric;
    return metric;
  }

  prometheus::Family<Metric>& family_;
  const std::vector<std::string> keys_;
  const size_t max_series_;
  absl::Mutex mutex_;
  std::map<std::vector<std::string>, Metric*> series_ ABSL_GUARDED_BY(mutex_);
};

// Upper ends of a histogram's buckets, in seconds: from what a person does not notice to what a build takes.
inline prometheus::Histogram::BucketBoundaries LatencyBuckets() {
  return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}
inline prometheus::Histogram::BucketBoundaries DurationBuckets() {
  return {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600};
}

// BuildCounter and its like, in one line.
inline prometheus::Family<prometheus::Counter>& CounterFamily(prometheus::Registry& registry, const std::string& name,
                                                              const std::string& help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
inline prometheus::Family<prometheus::Gauge>& GaugeFamily(prometheus::Registry& registry, const std::string& name,
                                                          const std::string& help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}
inline prometheus::Family<prometheus::Histogram>& HistogramFamily(prometheus::Registry& registry,
                                                                  const std::string& name, const std::string& help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

}  // namespace joinery::telemetry
