#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "server/stranger_limit.h"

namespace joinery::server {
namespace {

// Of them the calls that last have these at most; the rest is for those that are answered at once.
constexpr int kMaxThreads = 1000;
constexpr int kMaxTransfers = 600;
constexpr int kMaxTransfersPerUser = 300;
constexpr int kMaxWaitingWorkers = 300;
// Of strangers: the first hold a thread each, the others memory.
constexpr int kMaxReflections = 20;
constexpr int kMaxHealthWatches = 1000;
// These hold no thread, but 20 kB each.
constexpr int kMaxWatches = static_cast<int>(Executor::kMaxInLine);
constexpr int kMaxWatchesPerUser = kMaxWatches / 2;
// So many of the threads that have nothing to do stay, for whoever calls next; to start one takes longer than most
// calls.
constexpr int kIdleThreads = 256;
// What they wait for is mostly each other.
constexpr int kSubmitThreads = 4;
// They read the database, which one does at a time.
constexpr int kWatchThreads = 1;
// A chunk and what is around it.
constexpr int kMaxMessageBytes = static_cast<int>(kMaxChunkBytes) + (64 << 10);
constexpr std::chrono::milliseconds kLeaseCheckPeriod(200);
// A peer that vanished without a word (a host that lost power) is noticed after both together.
constexpr int kKeepaliveMilliseconds = 30'000;
constexpr int kKeepaliveTimeoutMilliseconds = 10'000;
// Clients may ask as often whether we live.
constexpr int kMinPingIntervalMilliseconds = 5'000;
// Whoever connects must have said so much that calls can begin; and connections without calls are ended, which clients
// do not notice.
constexpr int kHandshakeMilliseconds = 20'000;
constexpr int kIdleMilliseconds = 600'000;
// A token and a trace are far less.
constexpr int kMaxMetadataBytes = 16 << 10;
// Calls at a time on one connection: a call that only begins, which anybody may, takes 12 kB.
constexpr int kMaxStreams = 100;
// Of a call's bytes, so many come before they are asked for: 40 MB/s over a line of 100 ms. Left to itself gRPC
// measures how much the line holds, which is the more the longer an upload takes, and keeps as much of it in memory.
constexpr int kWindowBytes = 4 << 20;

void Configure(grpc::ServerBuilder& builder) {
  builder.SetResourceQuota(grpc::ResourceQuota("joineryd").SetMaxThreads(kMaxThreads));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 2);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kIdleThreads);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMilliseconds);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);
}

JobQueueOptions Observed(JobQueueOptions options, Observer& observer) {
  options.observer = &observer;
  return options;
}

storage::AccessStore* AccountsOf(const ServerOptions& options) {
  return options.admin.administration == nullptr ? nullptr : &options.admin.administration->store();
}

}  // namespace

Server::Server(const ServerOptions& options, access::Authenticator& authenticator, storage::JobStore& jobs,
               storage::BlobStore& blobs, storage::BlobOwners& owners, const base::Clock& clock)
    : authenticator_(authenticator),
      monitoring_(options.monitoring, clock),
      blob_access_(blobs, owners),
      upload_admission_(blobs, owners, options.uploads, AccountsOf(options)),
      queue_(jobs, blob_access_, Observed(options.jobs, monitoring_)),
      submit_executor_(kSubmitThreads),
      watch_executor_(kWatchThreads),
      transfers_("uploads and downloads", kMaxTransfers, kMaxTransfersPerUser),
      watches_("watches", kMaxWatches, kMaxWatchesPerUser),
      reflections_("streams of reflection", kMaxReflections, kMaxReflections),
      health_watches_("watches of health", kMaxHealthWatches, kMaxHealthWatches),
      waiting_workers_("waiting workers", kMaxWaitingWorkers, kMaxWaitingWorkers),
      blob_service_(authenticator, blobs, blob_access_, upload_admission_, transfers_, monitoring_),
      job_service_(authenticator, queue_, submit_executor_, watch_executor_, watches_),
      worker_service_(authenticator, queue_, waiting_workers_),
      server_service_(authenticator, queue_, blobs, clock, options.uploads.max_blob_bytes) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      access::Authenticator& authenticator, storage::JobStore& jobs,
                                                      storage::BlobStore& blobs, storage::BlobOwners& owners,
                                                      const base::Clock& clock) {
  auto server = std::unique_ptr<Server>(new Server(options, authenticator, jobs, blobs, owners, clock));
  RETURN_IF_ERROR(server->Listen(options));
  RETURN_IF_ERROR(server->monitoring_.Start(server->queue_, jobs, blobs,
                                            [raw = server.get()](bool is_ready) { raw->SetServing(is_ready); }));
  server->lease_thread_ = std::thread([raw = server.get()] { raw->ExpireLeasesUntilStopped(); });
  return server;
}

absl::Status Server::Listen(const ServerOptions& options) {
  ASSIGN_OR_RETURN(gate_, access::ConnectionGate::Listen(options.listen, options.connections));
  port_ = gate_->port();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  Configure(builder);
  using ConnectionType = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(ConnectionType::FROM_FD,
                                                                       access::MakeServerCredentials(options.tls));
  builder.RegisterService(&blob_service_);
  builder.RegisterService(&job_service_);
  builder.RegisterService(&worker_service_);
  builder.RegisterService(&server_service_);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(monitoring_.MakeInterceptor());
  interceptors.push_back(MakeStrangerLimit("/grpc.reflection.", reflections_));
  interceptors.push_back(MakeStrangerLimit("/grpc.health.v1.Health/Watch", health_watches_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  if (options.admin.administration != nullptr) {
    admin_service_ = std::make_unique<AdminService>(authenticator_, queue_, options.admin);
    builder.RegisterService(admin_service_.get());
  }
  grpc_server_ = builder.BuildAndStart();
  if (grpc_server_ == nullptr) return absl::InternalError("gRPC's server does not start");
  gate_->Open(std::move(acceptor));
  return absl::OkStatus();
}

void Server::SetServing(bool serving) {
  if (auto* health = grpc_server_->GetHealthCheckService()) health->SetServingStatus(serving);
}

void Server::ExpireLeasesUntilStopped() {
  bool failed = false;
  while (true) {
    const absl::Status status = queue_.Tend();
    if (!status.ok() && !failed) {
      spdlog::error("cannot look after leases: {}", std::string(status.message()));
    }
    failed = !status.ok();
    std::unique_lock lock(mutex_);
    if (stopping_.wait_for(lock, kLeaseCheckPeriod, [this] { return stopped_; })) return;
  }
}

void Server::Shutdown(absl::Duration grace) {
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  stopping_.notify_all();
  // First of all: nobody sends new work to a server that is about to take none.
  monitoring_.BeginDrain();
  if (grpc_server_ != nullptr) {
    if (auto* health = grpc_server_->GetHealthCheckService()) health->Shutdown();
    gate_->Close();
    queue_.Stop();
    grpc_server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
    grpc_server_->Wait();
  }
  if (lease_thread_.joinable()) lease_thread_.join();
  monitoring_.Stop();
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

}  // namespace joinery::server
