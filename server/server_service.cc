#include "server/server_service.h"

#include <vector>

#include "base/status.h"
#include "base/version.h"
#include "server/grpc_status.h"
#include "server/proto_time.h"

namespace joinery::server {
namespace {

constexpr absl::Duration kLive = absl::Seconds(30);

}  // namespace

absl::Status ServerService::Describe(v1::ServerInfo& info) {
  info.set_version(base::kVersion);
  *info.mutable_uptime() = ToProto(clock_.Now() - started_at_);
  info.set_max_blob_size(max_blob_bytes_);
  ASSIGN_OR_RETURN(const storage::BlobStatistics statistics, blobs_.GetStatistics());
  info.set_blob_count(statistics.count);
  info.set_blob_bytes(statistics.bytes);
  ASSIGN_OR_RETURN(const int64_t free_bytes, blobs_.FreeBytes());
  info.set_free_bytes(free_bytes);
  ASSIGN_OR_RETURN(const storage::JobCounts counts, queue_.Counts());
  info.set_queued_jobs(counts.queued);
  info.set_running_jobs(counts.running);
  ASSIGN_OR_RETURN(const std::vector<storage::WorkerRecord> workers, queue_.Workers(kLive));
  info.set_live_workers(static_cast<int64_t>(workers.size()));
  ASSIGN_OR_RETURN(const bool drained, queue_.IsServerDrained());
  info.set_drained(drained);
  return absl::OkStatus();
}

grpc::Status ServerService::GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest* /*request*/,
                                          v1::ServerInfo* response) {
  return Handle("GetServerInfo", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kAny).status());
    return Describe(*response);
  });
}

}  // namespace joinery::server
