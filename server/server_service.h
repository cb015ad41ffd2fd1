// ServerService (joinery/v1/server.proto). Thread-safe.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "base/clock.h"
#include "joinery/v1/server.grpc.pb.h"
#include "server/access/authenticator.h"
#include "server/job_queue.h"
#include "storage/blob_store.h"

namespace joinery::server {

class ServerService : public v1::ServerService::Service {
 public:
  // All references must outlive the service. The uptime counts from here.
  ServerService(access::Authenticator& authenticator, JobQueue& queue, storage::BlobStore& blobs,
                const base::Clock& clock, int64_t max_blob_bytes)
      : authenticator_(authenticator),
        queue_(queue),
        blobs_(blobs),
        clock_(clock),
        max_blob_bytes_(max_blob_bytes),
        started_at_(clock.Now()) {}

  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest* request,
                             v1::ServerInfo* response) override;

 private:
  absl::Status Describe(v1::ServerInfo& info);

  access::Authenticator& authenticator_;
  JobQueue& queue_;
  storage::BlobStore& blobs_;
  const base::Clock& clock_;
  const int64_t max_blob_bytes_;
  const absl::Time started_at_;
};

}  // namespace joinery::server
