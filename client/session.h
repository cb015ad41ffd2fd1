// A conversation with a server: uploads, jobs, downloads. What the command line does, programs can do with this.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/backoff.h"
#include "client/blob_source.h"
#include "client/interruption.h"
#include "credentials/credentials.h"
#include "joinery/v1/admin.grpc.pb.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "joinery/v1/jobs.grpc.pb.h"
#include "joinery/v1/server.grpc.pb.h"
#include "joinery/v1/workers.grpc.pb.h"
#include "telemetry/tracer.h"

namespace joinery::client {

// How much of a transfer is done, in bytes.
using TransferObserver = std::function<void(int64_t done, int64_t total)>;

struct SessionOptions {
  // HOST:PORT.
  std::string server;
  credentials::Credentials credentials;
  absl::Duration connect_timeout = absl::Seconds(5);
  // Of a call that moves no blob.
  absl::Duration call_timeout = absl::Seconds(30);
  // A stream of events is opened anew after this long, in case the way to the server died silently.
  absl::Duration watch_timeout = absl::Minutes(10);
  BackoffOptions backoff;
  // 64 random bits: for request ids and the jitter of retries.
  std::function<uint64_t()> random;
  // Told in a sentence when a call is tried again.
  std::function<void(absl::string_view)> notice;
  // Outlives the session; not null.
  Interruption* interruption = nullptr;
  // Calls carry the current trace on, and are spans of it. Outlives the session; null: they do not.
  telemetry::Tracer* tracer = nullptr;
};

// Every call has a deadline, is tried again while base::IsRetriable, and ends early when interrupted (an error with
// Origin::kInterrupted or kTerminated). Errors are those of the protocol, with what was being done before the message.
// Not thread-safe, but for the interruption.
class Session {
 public:
  // kUnavailable, soon, if nobody listens there, kUnauthenticated if that is not the right server, and
  // kFailedPrecondition if the token must not be sent there. Everything after this rides out a restart of the server.
  static absl::StatusOr<std::unique_ptr<Session>> Connect(SessionOptions options);

  // The subset of `digests` that the server does not have.
  absl::StatusOr<std::set<std::string>> FindMissing(const std::vector<std::string>& digests);

  // Sends the bytes of `source`, which Identify said are `blob`, but for those that the server has from an earlier,
  // broken upload. kDataLoss if they have changed since.
  absl::Status Upload(const BlobSource& source, const v1::BlobRef& blob, const TransferObserver& observer);

  // Puts the blob into the file `path`: into a temporary file beside it, which takes the name once it is whole, has the
  // digest, and is durable. A broken transfer goes on where it ended. After an error `path` is as it was and nothing is
  // left. Errors of the file have Origin::kLocalIo; kDataLoss if what arrived is not the blob.
  absl::Status Download(const v1::BlobRef& blob, const std::string& path, const TransferObserver& observer);

  // The blob itself, for small ones: kResourceExhausted if it has more than `max_size` bytes.
  absl::StatusOr<std::string> DownloadToMemory(const v1::BlobRef& blob, int64_t max_size);

  // One new job, however often it has to be asked for.
  absl::StatusOr<v1::Job> CreateJob(const v1::JobSpec& spec, const v1::JobOptions& options);
  // The same for many: all of them or none. The answer has them in this order.
  absl::StatusOr<v1::JobArray> CreateJobArray(const std::vector<v1::JobSpec>& specs, const v1::JobOptions& options);

  absl::StatusOr<v1::Job> GetJob(const std::string& id);
  absl::StatusOr<v1::ListJobsResponse> ListJobs(const v1::ListJobsRequest& request);
  absl::StatusOr<v1::Job> CancelJob(const std::string& id);
  absl::StatusOr<v1::JobArray> CancelJobArray(const std::string& id);
  absl::StatusOr<std::vector<v1::Worker>> ListWorkers();
  absl::StatusOr<v1::Worker> SetWorkerDrain(const std::string& name, bool drained);
  absl::StatusOr<v1::ServerInfo> GetServerInfo();

  absl::StatusOr<v1::WhoAmIResponse> WhoAmI();

  // For operators. After an error of CreateToken there may be a token that nobody knows.
  absl::StatusOr<v1::CreateTokenResponse> CreateToken(const v1::CreateTokenRequest& request);
  absl::StatusOr<std::vector<v1::Token>> ListTokens();
  absl::StatusOr<v1::Token> RevokeToken(const std::string& id);
  absl::StatusOr<v1::SubjectLimits> SetLimits(const v1::SubjectLimits& subject);
  absl::StatusOr<std::vector<v1::SubjectLimits>> ListLimits();
  absl::StatusOr<v1::ListUsersResponse> ListUsers();
  absl::StatusOr<v1::ListAuditResponse> ListAudit(const v1::ListAuditRequest& request);
  absl::StatusOr<v1::Queue> GetQueue(int limit);
  absl::StatusOr<v1::SetServerDrainResponse> SetServerDrain(bool drained);

  // Calls `on_event` for each event after `after_sequence`, each once and in order, until the job is final; answers
  // with the final job. Stops at the first error of `on_event` and returns it. At `deadline`: Origin::kWaitTimedOut.
  absl::StatusOr<v1::Job> Watch(const std::string& id, int64_t after_sequence, absl::Time deadline,
                                const std::function<absl::Status(const v1::JobEvent&)>& on_event);

 private:
  // One try. It may set `*progressed` when it got further than tries before it: they are forgiven then.
  using Attempt = std::function<absl::Status(grpc::ClientContext& context, bool* progressed)>;

  explicit Session(SessionOptions options);

  absl::Status WaitUntilConnected();
  // 128 random bits in hexadecimal digits.
  std::string NewRequestId() const;
  absl::Status Run(absl::string_view what, absl::Duration timeout, const Attempt& attempt);
  absl::Status RunOnce(absl::Duration timeout, const Attempt& attempt, bool* progressed);
  absl::Status PauseBeforeRetry(Backoff& backoff, const absl::Status& status);
  template <typename Request, typename Response, typename Stub>
  absl::StatusOr<Response> Call(absl::string_view what, Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                const Request& request);
  absl::Status SendBlob(grpc::ClientContext& context, const BlobSource& source, const v1::BlobRef& blob,
                        int64_t received, const TransferObserver& observer);
  absl::StatusOr<v1::Upload> AskHowFar(const v1::BlobRef& blob);
  absl::Status ReceiveBlob(const v1::BlobRef& blob, const TakePiece& take, const TransferObserver& observer);
  absl::Status ReadEvents(grpc::ClientContext& context, const std::string& id, int64_t* sequence, v1::Job* final_job,
                          const std::function<absl::Status(const v1::JobEvent&)>& on_event);

  SessionOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::BlobService::Stub> blobs_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::WorkerService::Stub> workers_;
  std::unique_ptr<v1::ServerService::Stub> server_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

// No further state follows this one.
bool IsFinal(v1::JobState state);

}  // namespace joinery::client
