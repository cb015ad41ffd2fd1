// How the server is seen from outside: counts, spans, readiness, and the address where these are asked for.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "server/job_queue.h"
#include "server/job_spans.h"
#include "server/metrics.h"
#include "server/observer.h"
#include "server/readiness.h"
#include "server/state_metrics.h"
#include "storage/blob_store.h"
#include "storage/job_store.h"
#include "telemetry/process_metrics.h"
#include "telemetry/status_endpoint.h"
#include "telemetry/tracer.h"

namespace joinery::server {

struct MonitoringOptions {
  // HOST:PORT for /metrics, /healthz and /readyz; empty: nowhere.
  std::string listen;
  // Where spans go; outlives the server. Null: nowhere.
  telemetry::Tracer* tracer = nullptr;
  ReadinessOptions readiness;
};

// Thread-safe but for Start and Stop.
class Monitoring : public Observer {
 public:
  // `clock` must outlive this object.
  Monitoring(const MonitoringOptions& options, const base::Clock& clock);

  void JobChanged(const v1::Job& job) override;
  void BytesReceived(int64_t count) override { metrics_.BytesReceived(count); }
  void BytesSent(int64_t count) override { metrics_.BytesSent(count); }
  void BlobDamaged(const std::string& digest) override;
  void BytesScrubbed(int64_t count) override { metrics_.BytesScrubbed(count); }
  void ScrubEnded(absl::Time now) override { metrics_.ScrubEnded(now); }

  // Counts and traces the calls of a server that this object outlives.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeInterceptor();

  // Begins to look whether storage can be used, and to answer questions. All must outlive Stop. `on_readiness` is told
  // of each change, first of the state now. Errors: those of StatusEndpoint::Start.
  absl::Status Start(JobQueue& queue, storage::JobStore& jobs, storage::BlobStore& blobs,
                     std::function<void(bool is_ready)> on_readiness);

  // From now on not ready. Tells so before it returns.
  void BeginDrain();

  // Ends what Start began. Again: does nothing.
  void Stop();

  // 0 if nothing listens.
  int port() const { return endpoint_ == nullptr ? 0 : endpoint_->port(); }

 private:
  const MonitoringOptions options_;
  const base::Clock& clock_;
  telemetry::Tracer no_tracer_;
  telemetry::Tracer& tracer_;
  ServerMetrics metrics_;
  JobSpans spans_;
  telemetry::ProcessMetrics process_;
  std::unique_ptr<Readiness> readiness_;
  std::unique_ptr<StateMetrics> state_;
  std::unique_ptr<telemetry::StatusEndpoint> endpoint_;
};

}  // namespace joinery::server
