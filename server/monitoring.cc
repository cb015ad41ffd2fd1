#include "server/monitoring.h"

#include <spdlog/spdlog.h>

#include <random>
#include <utility>

#include "base/status.h"
#include "telemetry/rpc_interceptors.h"

namespace joinery::server {
namespace {

uint64_t SystemRandomBits() {
  // Made once a thread: it asks the processor what it can do, which takes a virtual machine tens of microseconds.
  thread_local std::random_device device;
  return (static_cast<uint64_t>(device()) << 32U) | device();
}

}  // namespace

Monitoring::Monitoring(const MonitoringOptions& options, const base::Clock& clock)
    : options_(options),
      clock_(clock),
      no_tracer_(nullptr, clock, SystemRandomBits),
      tracer_(options_.tracer != nullptr ? *options_.tracer : no_tracer_),
      spans_(tracer_) {}

void Monitoring::JobChanged(const v1::Job& job) {
  metrics_.JobChanged(job);
  spans_.JobChanged(job);
}

void Monitoring::BlobDamaged(const std::string& digest) {
  metrics_.BlobDamaged(digest);
  spdlog::error("a stored blob is damaged and goes to quarantine/ blob={}", digest);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> Monitoring::MakeInterceptor() {
  return telemetry::MakeServerInterceptor(tracer_, metrics_.rpc());
}

absl::Status Monitoring::Start(JobQueue& queue, storage::JobStore& jobs, storage::BlobStore& blobs,
                               std::function<void(bool is_ready)> on_readiness) {
  const std::vector<ReadinessProbe> probes = {{"database", [&jobs] { return jobs.CheckWritable(); }},
                                              {"blob store", [&blobs] { return blobs.CheckWritable(); }}};
  readiness_ = std::make_unique<Readiness>(probes, options_.readiness, std::move(on_readiness));
  state_ = std::make_unique<StateMetrics>(queue, blobs, *readiness_, tracer_, clock_);
  if (options_.listen.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(endpoint_,
                   telemetry::StatusEndpoint::Start({.listen = options_.listen,
                                                     .readiness = [this] { return readiness_->Check(); },
                                                     .metrics = {&metrics_.registry(), state_.get(), &process_}}));
  spdlog::info("metrics at port={}", endpoint_->port());
  return absl::OkStatus();
}

void Monitoring::BeginDrain() {
  if (readiness_ != nullptr) readiness_->BeginDrain();
}

void Monitoring::Stop() {
  endpoint_.reset();
  state_.reset();
  readiness_.reset();
}

}  // namespace joinery::server
