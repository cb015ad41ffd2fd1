#include "server/state_metrics.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "storage/sqlite/error_log.h"

namespace joinery::server {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// A worker that is waiting for a job asks at least that often.
constexpr absl::Duration kLive = absl::Seconds(30);

ClientMetric MakeMetric(MetricType type, double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return metric;
}

void AddGauge(std::vector<MetricFamily>& families, const char* name, const char* help, double value) {
  families.push_back({name, help, MetricType::Gauge, {MakeMetric(MetricType::Gauge, value)}});
}

void AddCounter(std::vector<MetricFamily>& families, const char* name, const char* help, int64_t value) {
  families.push_back({name, help, MetricType::Counter, {MakeMetric(MetricType::Counter, static_cast<double>(value))}});
}

void AddSqliteErrors(std::vector<MetricFamily>& families) {
  MetricFamily family = {
      "joinery_sqlite_errors_total", "Calls of SQLite that failed, by its result code.", MetricType::Counter, {}};
  for (const auto& [code, count] : storage::SqliteErrorCounts()) {
    family.metric.push_back(MakeMetric(MetricType::Counter, static_cast<double>(count), {{"code", code}}));
  }
  families.push_back(std::move(family));
}

}  // namespace

std::vector<MetricFamily> StateMetrics::Collect() const {
  std::vector<MetricFamily> families;
  AddGauge(families, "joinery_ready", "1 if the server can work: /readyz.", readiness_.Check().ok() ? 1 : 0);
  AddGauge(families, "joinery_draining", "1 once the server takes no new work.", readiness_.draining() ? 1 : 0);
  AddJobs(families);
  AddWorkers(families);
  AddBlobs(families);
  AddSqliteErrors(families);
  AddCounter(families, "joinery_spans_exported_total", "Spans that the collector took.", tracer_.exported());
  AddCounter(families, "joinery_spans_dropped_total", "Spans that were lost on the way to the collector.",
             tracer_.dropped());
  return families;
}

void StateMetrics::AddJobs(std::vector<MetricFamily>& families) const {
  const absl::StatusOr<storage::JobCounts> counts = queue_.Counts();
  if (!counts.ok()) return;
  families.push_back({"joinery_jobs",
                      "Jobs that have not ended, by state.",
                      MetricType::Gauge,
                      {MakeMetric(MetricType::Gauge, static_cast<double>(counts->queued), {{"state", "queued"}}),
                       MakeMetric(MetricType::Gauge, static_cast<double>(counts->running), {{"state", "running"}})}});
  const absl::Duration age =
      counts->oldest_queued_at.has_value() ? clock_.Now() - *counts->oldest_queued_at : absl::ZeroDuration();
  AddGauge(families, "joinery_queue_oldest_seconds", "How long the oldest queued job has existed; 0 if there is none.",
           std::max(0.0, absl::ToDoubleSeconds(age)));
}

void StateMetrics::AddWorkers(std::vector<MetricFamily>& families) const {
  const absl::StatusOr<std::vector<storage::WorkerRecord>> workers = queue_.Workers(kLive);
  if (!workers.ok()) return;
  double busy = 0;
  double idle = 0;
  double drained = 0;
  for (const storage::WorkerRecord& worker : *workers) {
    ++(!worker.job_id.empty() ? busy : worker.drained ? drained : idle);
  }
  families.push_back({"joinery_workers",
                      "Workers heard of in the last 30 seconds, by what they do.",
                      MetricType::Gauge,
                      {MakeMetric(MetricType::Gauge, busy, {{"state", "busy"}}),
                       MakeMetric(MetricType::Gauge, idle, {{"state", "idle"}}),
                       MakeMetric(MetricType::Gauge, drained, {{"state", "drained"}})}});
}

void StateMetrics::AddBlobs(std::vector<MetricFamily>& families) const {
  if (const absl::StatusOr<storage::BlobStatistics> statistics = blobs_.GetStatistics(); statistics.ok()) {
    AddGauge(families, "joinery_blobs", "Blobs in the store.", static_cast<double>(statistics->count));
    AddGauge(families, "joinery_blob_bytes", "Sum of the sizes of all blobs.", static_cast<double>(statistics->bytes));
  }
  if (const absl::StatusOr<int64_t> free_bytes = blobs_.FreeBytes(); free_bytes.ok()) {
    AddGauge(families, "joinery_disk_free_bytes", "Room on the file system of the data folder.",
             static_cast<double>(*free_bytes));
  }
}

}  // namespace joinery::server
