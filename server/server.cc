#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"

namespace joinery::server {
namespace {

// A watcher, a waiting worker and an upload each hold a thread while they last.
constexpr int kMaxThreads = 1000;
// A chunk and what is around it.
constexpr int kMaxMessageBytes = static_cast<int>(kMaxChunkBytes) + (64 << 10);
constexpr absl::Duration kLeaseCheckPeriod = absl::Milliseconds(200);
// A peer that vanished without a word (a host that lost power) is noticed after both together.
constexpr int kKeepaliveMilliseconds = 30'000;
constexpr int kKeepaliveTimeoutMilliseconds = 10'000;
// Clients may ask as often whether we live.
constexpr int kMinPingIntervalMilliseconds = 5'000;

void Configure(grpc::ServerBuilder& builder) {
  builder.SetResourceQuota(grpc::ResourceQuota("joineryd").SetMaxThreads(kMaxThreads));
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMilliseconds);
  // Otherwise a second server could listen on the same port and take half of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

Server::Server(const ServerOptions& options, access::Authenticator& authenticator, storage::JobStore& jobs,
               storage::BlobStore& blobs, storage::BlobOwners& owners, const base::Clock& clock)
    : blob_access_(blobs, owners),
      upload_admission_(blobs, owners, options.uploads),
      queue_(jobs, blobs, options.lease_term),
      blob_service_(authenticator, blobs, blob_access_, upload_admission_),
      job_service_(authenticator, queue_),
      worker_service_(authenticator, queue_),
      server_service_(authenticator, queue_, blobs, clock, options.uploads.max_blob_bytes) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      access::Authenticator& authenticator, storage::JobStore& jobs,
                                                      storage::BlobStore& blobs, storage::BlobOwners& owners,
                                                      const base::Clock& clock) {
  auto server = std::unique_ptr<Server>(new Server(options, authenticator, jobs, blobs, owners, clock));
  RETURN_IF_ERROR(server->Listen(options.listen));
  server->lease_thread_ = std::thread([raw = server.get()] { raw->ExpireLeasesUntilStopped(); });
  return server;
}

absl::Status Server::Listen(const std::string& address) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  Configure(builder);
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(&blob_service_);
  builder.RegisterService(&job_service_);
  builder.RegisterService(&worker_service_);
  builder.RegisterService(&server_service_);
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ != nullptr && port_ != 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address,
                                             ": another program has that port, or it is no address of this host; "
                                             "choose another with --listen"));
}

void Server::ExpireLeasesUntilStopped() {
  bool failed = false;
  while (true) {
    const absl::Status status = queue_.ExpireLeases();
    if (!status.ok() && !failed) {
      spdlog::error("cannot look after leases: {}", std::string(status.message()));
    }
    failed = !status.ok();
    const absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopped_), kLeaseCheckPeriod)) return;
  }
}

void Server::Shutdown(absl::Duration grace) {
  {
    const absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  if (grpc_server_ != nullptr) {
    if (auto* health = grpc_server_->GetHealthCheckService()) health->Shutdown();
    queue_.Stop();
    grpc_server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
    grpc_server_->Wait();
  }
  if (lease_thread_.joinable()) lease_thread_.join();
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

}  // namespace joinery::server
