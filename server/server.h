// All of joineryd but its command line and its disk: services, health, reflection, and the thread that looks after
// leases.
#pragma once

#include <grpcpp/server.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "server/access/authenticator.h"
#include "server/access/connection_gate.h"
#include "server/access/tls.h"
#include "server/admin_service.h"
#include "server/blob_access.h"
#include "server/blob_service.h"
#include "server/call_limit.h"
#include "server/executor.h"
#include "server/job_queue.h"
#include "server/job_service.h"
#include "server/monitoring.h"
#include "server/server_service.h"
#include "server/upload_admission.h"
#include "server/worker_service.h"
#include "storage/blob_owners.h"
#include "storage/blob_store.h"
#include "storage/job_store.h"

namespace joinery::server {

struct ServerOptions {
  // HOST:PORT; port 0 takes a free one.
  std::string listen = "127.0.0.1:7420";
  // Checked by access::CheckTlsFiles.
  access::TlsOptions tls = {};
  access::ConnectionLimits connections = {};
  // Without an administration there is no AdminService.
  AdminServiceOptions admin = {};
  JobQueueOptions jobs = {};
  UploadLimits uploads = {};
  MonitoringOptions monitoring = {};
};

// Serves from Start until destroyed.
class Server {
 public:
  // The references must outlive the server. Errors: kUnavailable nothing can listen at that address.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       access::Authenticator& authenticator, storage::JobStore& jobs,
                                                       storage::BlobStore& blobs, storage::BlobOwners& owners,
                                                       const base::Clock& clock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const { return port_; }
  // Of what monitoring asks; 0 if nothing listens for it.
  int monitoring_port() const { return monitoring_.port(); }

  BlobAccess& blob_access() { return blob_access_; }
  // Counts and logs what it is told.
  Observer& observer() { return monitoring_; }

  // Reports itself as not serving, gives no more leases, ends streams and waits with UNAVAILABLE, lets what is short
  // finish within `grace`, and cancels the rest. Again: does nothing.
  void Shutdown(absl::Duration grace);

 private:
  Server(const ServerOptions& options, access::Authenticator& authenticator, storage::JobStore& jobs,
         storage::BlobStore& blobs, storage::BlobOwners& owners, const base::Clock& clock);

  absl::Status Listen(const ServerOptions& options);
  void ExpireLeasesUntilStopped();

  // Told to clients and monitoring: whether the server can work.
  void SetServing(bool serving);

  access::Authenticator& authenticator_;
  Monitoring monitoring_;
  BlobAccess blob_access_;
  UploadAdmission upload_admission_;
  JobQueue queue_;
  Executor submit_executor_;
  Executor watch_executor_;
  CallLimit transfers_;
  CallLimit watches_;
  CallLimit reflections_;
  CallLimit health_watches_;
  CallLimit waiting_workers_;
  BlobService blob_service_;
  JobService job_service_;
  WorkerService worker_service_;
  ServerService server_service_;
  std::unique_ptr<AdminService> admin_service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> grpc_server_;
  std::unique_ptr<access::ConnectionGate> gate_;

  // Not Abseil's, whose waits end when the time of day says so.
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stopped_ = false;
  std::thread lease_thread_;
};

}  // namespace joinery::server
