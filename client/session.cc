#include "client/session.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"
#include "client/error.h"
#include "credentials/channel.h"
#include "credentials/handshake.h"
#include "telemetry/rpc_interceptors.h"

namespace joinery::client {
namespace {

constexpr size_t kDigestsPerCall = 1000;
// No new try is begun this long after the first one should have ended: a server that accepts and never answers.
constexpr absl::Duration kPatience = absl::Seconds(10);
// Longer than the channel pauses between two tries to connect.
constexpr absl::Duration kReconnectTime = absl::Milliseconds(1200);

std::shared_ptr<grpc::Channel> MakeChannel(const SessionOptions& options) {
  grpc::ChannelArguments arguments;
  // A server that was restarted is found again within a second, not within gRPC's two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1'000);
  // After a refused connection gRPC looks the name up again before it goes on; by default not more than every 30 s.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 500);
  // A peer that vanished without a word is noticed although a quiet job sends no events.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  if (credentials::IsLoopback(options.server)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  credentials::Interceptors interceptors;
  if (options.tracer != nullptr) interceptors = telemetry::MakeClientInterceptors(*options.tracer, nullptr);
  return credentials::MakeChannel(options.server, options.credentials, arguments, std::move(interceptors));
}

absl::Status Unreachable(const std::string& server, absl::string_view why) {
  if (const auto problem = credentials::ExplainHandshake(why, server); problem.has_value()) {
    return WithFix(absl::UnauthenticatedError(problem->what), problem->fix);
  }
  return WithFix(WithWhy(absl::UnavailableError(absl::StrCat("cannot reach the server at ", server)), why),
                 absl::StrCat("start it there with `joineryd --listen ", server,
                              "`, or name another with --server HOST:PORT, JOINERY_SERVER or the configuration file"));
}

}  // namespace

bool IsFinal(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED || state == v1::JOB_STATE_CANCELLED;
}

Session::Session(SessionOptions options)
    : options_(std::move(options)),
      channel_(MakeChannel(options_)),
      blobs_(v1::BlobService::NewStub(channel_)),
      jobs_(v1::JobService::NewStub(channel_)),
      workers_(v1::WorkerService::NewStub(channel_)),
      server_(v1::ServerService::NewStub(channel_)),
      admin_(v1::AdminService::NewStub(channel_)) {}

absl::StatusOr<std::unique_ptr<Session>> Session::Connect(SessionOptions options) {
  RETURN_IF_ERROR(credentials::CheckTokenIsSafe(options.credentials, options.server));
  std::unique_ptr<Session> session(new Session(std::move(options)));
  RETURN_IF_ERROR(session->WaitUntilConnected());
  return session;
}

absl::Status Session::WaitUntilConnected() {
  const absl::Time deadline = absl::Now() + options_.connect_timeout;
  grpc_connectivity_state state = channel_->GetState(/*try_to_connect=*/true);
  while (state != GRPC_CHANNEL_READY) {
    RETURN_IF_ERROR(options_.interruption->Check());
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE) {
      // Only a call tells why.
      grpc::ClientContext context;
      context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(1)));
      v1::ServerInfo ignored;
      return Unreachable(options_.server, server_->GetServerInfo(&context, {}, &ignored).error_message());
    }
    if (absl::Now() >= deadline) {
      return Unreachable(options_.server,
                         absl::StrCat("no answer within ", absl::FormatDuration(options_.connect_timeout)));
    }
    // In short steps, so that Ctrl-C is noticed.
    channel_->WaitForStateChange(state, absl::ToChronoTime(std::min(deadline, absl::Now() + absl::Milliseconds(100))));
    state = channel_->GetState(/*try_to_connect=*/true);
  }
  return absl::OkStatus();
}

absl::Status Session::RunOnce(absl::Duration timeout, const Attempt& attempt, bool* progressed) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  const Interruption::Guard guard(*options_.interruption, context);
  return attempt(context, progressed);
}

absl::Status Session::PauseBeforeRetry(Backoff& backoff, const absl::Status& status) {
  const std::optional<absl::Duration> pause = backoff.Next();
  if (!pause.has_value()) return WithFix(status, "the server does not answer; try again later");
  if (options_.notice) {
    options_.notice(
        absl::StrFormat("%s; trying again in %.1f s", std::string(status.message()), absl::ToDoubleSeconds(*pause)));
  }
  options_.interruption->SleepFor(*pause);
  // A channel that was refused goes on only while somebody asks for it; a call alone would hear of the last refusal.
  const absl::Time deadline = absl::Now() + kReconnectTime;
  while (absl::Now() < deadline && options_.interruption->Check().ok()) {
    if (channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Milliseconds(100)))) break;
  }
  return absl::OkStatus();
}

absl::Status Session::Run(absl::string_view what, absl::Duration timeout, const Attempt& attempt) {
  Backoff backoff(options_.backoff, options_.random);
  absl::Time patience_ends = absl::Now() + timeout + kPatience;
  while (true) {
    bool progressed = false;
    const absl::Status status = RunOnce(timeout, attempt, &progressed);
    if (status.ok()) return status;
    RETURN_IF_ERROR(options_.interruption->Check());
    if (OriginOf(status) != Origin::kUnspecified) return status;
    const absl::Status annotated = base::Annotate(status, what);
    if (!base::IsRetriable(status)) return annotated;
    if (progressed) {
      backoff.Reset();
      patience_ends = absl::Now() + timeout + kPatience;
    }
    if (absl::Now() > patience_ends) return annotated;
    RETURN_IF_ERROR(PauseBeforeRetry(backoff, annotated));
  }
}

template <typename Request, typename Response, typename Stub>
absl::StatusOr<Response> Session::Call(absl::string_view what, Stub& stub,
                                       grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                       const Request& request) {
  Response response;
  RETURN_IF_ERROR(Run(what, options_.call_timeout, [&](grpc::ClientContext& context, bool* /*progressed*/) {
    return credentials::ToStatus((stub.*method)(&context, request, &response));
  }));
  return response;
}

absl::StatusOr<std::set<std::string>> Session::FindMissing(const std::vector<std::string>& digests) {
  std::set<std::string> missing;
  for (size_t begin = 0; begin < digests.size(); begin += kDigestsPerCall) {
    v1::FindMissingBlobsRequest request;
    for (size_t i = begin; i < std::min(digests.size(), begin + kDigestsPerCall); ++i) request.add_digests(digests[i]);
    ASSIGN_OR_RETURN(const v1::FindMissingBlobsResponse response,
                     Call("asking what is missing", *blobs_, &v1::BlobService::Stub::FindMissingBlobs, request));
    missing.insert(response.digests().begin(), response.digests().end());
  }
  return missing;
}

std::string Session::NewRequestId() const {
  return absl::StrFormat("%016x%016x", options_.random(), options_.random());
}

absl::StatusOr<v1::JobArray> Session::CreateJobArray(const std::vector<v1::JobSpec>& specs,
                                                     const v1::JobOptions& options) {
  v1::CreateJobArrayRequest request;
  for (const v1::JobSpec& spec : specs) {
    v1::JobSubmission& submission = *request.add_jobs();
    *submission.mutable_spec() = spec;
    *submission.mutable_options() = options;
  }
  request.set_request_id(NewRequestId());
  absl::StatusOr<v1::JobArray> array =
      Call("submitting the jobs", *jobs_, &v1::JobService::Stub::CreateJobArray, request);
  if (!array.ok()) return WithRequest(array.status(), request.request_id());
  return array;
}

absl::StatusOr<v1::JobArray> Session::CancelJobArray(const std::string& id) {
  v1::CancelJobArrayRequest request;
  request.set_id(id);
  return Call(absl::StrCat("cancelling job array ", id), *jobs_, &v1::JobService::Stub::CancelJobArray, request);
}

absl::StatusOr<v1::Worker> Session::SetWorkerDrain(const std::string& name, bool drained) {
  v1::SetWorkerDrainRequest request;
  request.set_name(name);
  request.set_drained(drained);
  return Call(absl::StrCat("draining worker ", name), *workers_, &v1::WorkerService::Stub::SetWorkerDrain, request);
}

absl::StatusOr<v1::Job> Session::CreateJob(const v1::JobSpec& spec, const v1::JobOptions& options) {
  v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  *request.mutable_options() = options;
  // The same in every try: the server answers the second one with the job of the first.
  request.set_request_id(NewRequestId());
  absl::StatusOr<v1::Job> job = Call("submitting the job", *jobs_, &v1::JobService::Stub::CreateJob, request);
  if (!job.ok()) return WithRequest(job.status(), request.request_id());
  return job;
}

absl::StatusOr<v1::Job> Session::GetJob(const std::string& id) {
  v1::GetJobRequest request;
  request.set_id(id);
  return Call(absl::StrCat("asking for job ", id), *jobs_, &v1::JobService::Stub::GetJob, request);
}

absl::StatusOr<v1::ListJobsResponse> Session::ListJobs(const v1::ListJobsRequest& request) {
  return Call("listing jobs", *jobs_, &v1::JobService::Stub::ListJobs, request);
}

absl::StatusOr<v1::Job> Session::CancelJob(const std::string& id) {
  v1::CancelJobRequest request;
  request.set_id(id);
  return Call(absl::StrCat("cancelling job ", id), *jobs_, &v1::JobService::Stub::CancelJob, request);
}

absl::StatusOr<std::vector<v1::Worker>> Session::ListWorkers() {
  ASSIGN_OR_RETURN(const v1::ListWorkersResponse response,
                   Call("listing workers", *workers_, &v1::WorkerService::Stub::ListWorkers, v1::ListWorkersRequest()));
  return std::vector<v1::Worker>(response.workers().begin(), response.workers().end());
}

absl::StatusOr<v1::ServerInfo> Session::GetServerInfo() {
  return Call("asking the server about itself", *server_, &v1::ServerService::Stub::GetServerInfo,
              v1::GetServerInfoRequest());
}

absl::StatusOr<v1::CreateTokenResponse> Session::CreateToken(const v1::CreateTokenRequest& request) {
  return Call("making the token", *admin_, &v1::AdminService::Stub::CreateToken, request);
}

absl::StatusOr<std::vector<v1::Token>> Session::ListTokens() {
  ASSIGN_OR_RETURN(const v1::ListTokensResponse response,
                   Call("listing tokens", *admin_, &v1::AdminService::Stub::ListTokens, v1::ListTokensRequest()));
  return std::vector<v1::Token>(response.tokens().begin(), response.tokens().end());
}

absl::StatusOr<v1::Token> Session::RevokeToken(const std::string& id) {
  v1::RevokeTokenRequest request;
  request.set_id(id);
  return Call(absl::StrCat("revoking token ", id), *admin_, &v1::AdminService::Stub::RevokeToken, request);
}

absl::StatusOr<v1::SubjectLimits> Session::SetLimits(const v1::SubjectLimits& subject) {
  v1::SetLimitsRequest request;
  *request.mutable_subject() = subject;
  return Call(absl::StrCat("setting the limits of ", subject.name()), *admin_, &v1::AdminService::Stub::SetLimits,
              request);
}

absl::StatusOr<std::vector<v1::SubjectLimits>> Session::ListLimits() {
  ASSIGN_OR_RETURN(const v1::ListLimitsResponse response,
                   Call("listing limits", *admin_, &v1::AdminService::Stub::ListLimits, v1::ListLimitsRequest()));
  return std::vector<v1::SubjectLimits>(response.subjects().begin(), response.subjects().end());
}

absl::StatusOr<v1::WhoAmIResponse> Session::WhoAmI() {
  return Call("asking who you are", *admin_, &v1::AdminService::Stub::WhoAmI, v1::WhoAmIRequest());
}

absl::StatusOr<v1::ListUsersResponse> Session::ListUsers() {
  return Call("listing users", *admin_, &v1::AdminService::Stub::ListUsers, v1::ListUsersRequest());
}

absl::StatusOr<v1::ListAuditResponse> Session::ListAudit(const v1::ListAuditRequest& request) {
  return Call("reading the audit log", *admin_, &v1::AdminService::Stub::ListAudit, request);
}

absl::StatusOr<v1::Queue> Session::GetQueue(int limit) {
  v1::GetQueueRequest request;
  request.set_limit(limit);
  return Call("asking for the queue", *admin_, &v1::AdminService::Stub::GetQueue, request);
}

absl::StatusOr<v1::SetServerDrainResponse> Session::SetServerDrain(bool drained) {
  v1::SetServerDrainRequest request;
  request.set_drained(drained);
  return Call(drained ? "draining the server" : "resuming the server", *admin_, &v1::AdminService::Stub::SetServerDrain,
              request);
}

}  // namespace joinery::client
