#include "server/worker_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "server/grpc_status.h"
#include "server/proto_time.h"
#include "server/validation.h"

namespace joinery::server {
namespace {

constexpr absl::Duration kMaxWait = absl::Seconds(60);
// An idle worker is seen when it asks: an answer within this keeps it among the live ones (8 s).
constexpr absl::Duration kLongestWait = absl::Seconds(5);
constexpr absl::Duration kWorkersShown = absl::Hours(1);

std::vector<v1::JobEvent> ToVector(const google::protobuf::RepeatedPtrField<v1::JobEvent>& events) {
  return {events.begin(), events.end()};
}

absl::Status Lease(JobQueue& queue, const v1::LeaseJobRequest& request, absl::Duration longest_wait,
                   const grpc::ServerContext& context, v1::LeaseJobResponse& response) {
  RETURN_IF_ERROR(ValidateId("worker", request.worker()));
  if (!request.compiler_version().empty()) RETURN_IF_ERROR(ValidateId("compiler_version", request.compiler_version()));
  RETURN_IF_ERROR(ValidateCapabilities(request.capabilities()));
  const absl::Duration wait = FromProto(request.wait());
  if (wait < absl::ZeroDuration() || wait > kMaxWait) return absl::InvalidArgumentError("wait is not 0 to 60 s");
  ASSIGN_OR_RETURN(std::optional<storage::JobLease> lease,
                   queue.Lease({.name = request.worker(),
                                .compiler_version = request.compiler_version(),
                                .capabilities = request.capabilities()},
                               std::min(wait, longest_wait), [&] { return context.IsCancelled(); }));
  if (!lease.has_value()) return absl::OkStatus();
  response.mutable_lease()->set_token(lease->token);
  *response.mutable_lease()->mutable_job() = std::move(lease->job);
  *response.mutable_lease()->mutable_term() = ToProto(queue.lease_term());
  return absl::OkStatus();
}

absl::StatusOr<storage::Outcome> ParseOutcome(const v1::FinishJobRequest& request) {
  switch (request.outcome_case()) {
    case v1::FinishJobRequest::kResult:
      RETURN_IF_ERROR(ValidateResult(request.result()));
      return request.result();
    case v1::FinishJobRequest::kFailure:
      RETURN_IF_ERROR(ValidateFailure(request.failure()));
      return request.failure();
    case v1::FinishJobRequest::kCancelled:
      return storage::Cancelled{};
    case v1::FinishJobRequest::kReleased:
      return storage::Released{};
    case v1::FinishJobRequest::OUTCOME_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("outcome is missing");
}

absl::Status Finish(JobQueue& queue, const access::Caller& caller, const v1::FinishJobRequest& request) {
  RETURN_IF_ERROR(ValidateId("token", request.token()));
  RETURN_IF_ERROR(ValidateEvents(request.events()));
  RETURN_IF_ERROR(ValidateFirstEvent(request.first_event()));
  ASSIGN_OR_RETURN(const storage::Outcome outcome, ParseOutcome(request));
  return queue.Finish(request.token(), outcome, ToVector(request.events()), request.first_event(),
                      access::ActorOf(caller));
}

void SetWorker(const storage::WorkerRecord& record, v1::Worker& worker) {
  worker.set_name(record.name);
  worker.set_compiler_version(record.compiler_version);
  *worker.mutable_last_seen_at() = ToProto(record.last_seen_at);
  worker.set_job_id(record.job_id);
  *worker.mutable_capabilities() = record.capabilities;
  worker.set_drained(record.drained);
}

}  // namespace

grpc::Status WorkerService::LeaseJob(grpc::ServerContext* context, const v1::LeaseJobRequest* request,
                                     v1::LeaseJobResponse* response) {
  return Handle("LeaseJob", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(*context, access::Scope::kWork));
    const absl::StatusOr<std::unique_ptr<CallLimit::Place>> place = waiting_.Enter(caller.user);
    return Lease(queue_, *request, place.ok() ? kLongestWait : absl::ZeroDuration(), *context, *response);
  });
}

grpc::Status WorkerService::Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                                      v1::HeartbeatResponse* response) {
  return Handle("Heartbeat", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kWork).status());
    RETURN_IF_ERROR(ValidateId("token", request->token()));
    RETURN_IF_ERROR(ValidateEvents(request->events()));
    RETURN_IF_ERROR(ValidateFirstEvent(request->first_event()));
    ASSIGN_OR_RETURN(const bool cancel_requested,
                     queue_.Extend(request->token(), ToVector(request->events()), request->first_event()));
    response->set_cancel_requested(cancel_requested);
    return absl::OkStatus();
  });
}

grpc::Status WorkerService::FinishJob(grpc::ServerContext* context, const v1::FinishJobRequest* request,
                                      v1::FinishJobResponse* /*response*/) {
  return Handle("FinishJob", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(*context, access::Scope::kWork));
    return Finish(queue_, caller, *request);
  });
}

grpc::Status WorkerService::ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest* /*request*/,
                                        v1::ListWorkersResponse* response) {
  return Handle("ListWorkers", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kAny).status());
    ASSIGN_OR_RETURN(const std::vector<storage::WorkerRecord> workers, queue_.Workers(kWorkersShown));
    for (const storage::WorkerRecord& record : workers) SetWorker(record, *response->add_workers());
    return absl::OkStatus();
  });
}

grpc::Status WorkerService::SetWorkerDrain(grpc::ServerContext* context, const v1::SetWorkerDrainRequest* request,
                                           v1::Worker* response) {
  return Handle("SetWorkerDrain", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(*context, access::Scope::kAdmin));
    RETURN_IF_ERROR(ValidateId("name", request->name()));
    RETURN_IF_ERROR(queue_.SetWorkerDrain(request->name(), request->drained(), access::ActorOf(caller)));
    response->set_name(request->name());
    ASSIGN_OR_RETURN(const std::vector<storage::WorkerRecord> workers, queue_.Workers(kWorkersShown));
    for (const storage::WorkerRecord& record : workers) {
      if (record.name == request->name()) SetWorker(record, *response);
    }
    response->set_drained(request->drained());
    return absl::OkStatus();
  });
}

}  // namespace joinery::server
