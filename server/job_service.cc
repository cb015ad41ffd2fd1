#include "server/job_service.h"

#include <cstdint>
#include <utility>

#include "base/status.h"
#include "server/grpc_status.h"
#include "server/validation.h"

namespace joinery::server {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
constexpr int kMaxStates = 16;

absl::StatusOr<storage::JobQuery> ParseQuery(const v1::ListJobsRequest& request) {
  if (request.page_size() < 0 || request.page_size() > kMaxPageSize) {
    return absl::InvalidArgumentError("page_size is not 1 to 1000, nor 0 for the default");
  }
  if (request.states_size() > kMaxStates) return absl::InvalidArgumentError("states has more entries than there are");
  storage::JobQuery query;
  query.states.reserve(static_cast<size_t>(request.states_size()));
  for (const int state : request.states()) {
    if (!v1::JobState_IsValid(state) || state == v1::JOB_STATE_UNSPECIFIED) {
      return absl::InvalidArgumentError("states has one that is unknown");
    }
    query.states.push_back(static_cast<v1::JobState>(state));
  }
  query.page_size = request.page_size() == 0 ? kDefaultPageSize : request.page_size();
  query.page_token = request.page_token();
  return query;
}

absl::Status Create(JobQueue& queue, const v1::CreateJobRequest& request, v1::Job& response) {
  RETURN_IF_ERROR(ValidateId("request_id", request.request_id()));
  RETURN_IF_ERROR(ValidateSpec(request.spec()));
  ASSIGN_OR_RETURN(response, queue.Create(request.spec(), request.request_id()));
  return absl::OkStatus();
}

absl::Status List(JobQueue& queue, const v1::ListJobsRequest& request, v1::ListJobsResponse& response) {
  ASSIGN_OR_RETURN(const storage::JobQuery query, ParseQuery(request));
  ASSIGN_OR_RETURN(storage::JobPage page, queue.List(query));
  for (v1::Job& job : page.jobs) *response.add_jobs() = std::move(job);
  response.set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status Watch(JobQueue& queue, const v1::WatchJobRequest& request, const grpc::ServerContext& context,
                   grpc::ServerWriter<v1::JobEvent>& writer) {
  RETURN_IF_ERROR(ValidateId("id", request.id()));
  if (request.after_sequence() < 0) return absl::InvalidArgumentError("after_sequence is negative");
  // Headers at once: a watcher learns that the job is there before its next event.
  writer.SendInitialMetadata();
  return queue.Watch(
      request.id(), request.after_sequence(), [&] { return context.IsCancelled(); },
      [&](const v1::JobEvent& event) { return writer.Write(event); });
}

}  // namespace

grpc::Status JobService::CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request,
                                   v1::Job* response) {
  return Handle("CreateJob", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kSubmit).status());
    return Create(queue_, *request, *response);
  });
}

grpc::Status JobService::GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request, v1::Job* response) {
  return Handle("GetJob", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kSubmit | access::Scope::kAdmin).status());
    RETURN_IF_ERROR(ValidateId("id", request->id()));
    ASSIGN_OR_RETURN(*response, queue_.Get(request->id()));
    return absl::OkStatus();
  });
}

grpc::Status JobService::ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                                  v1::ListJobsResponse* response) {
  return Handle("ListJobs", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kSubmit | access::Scope::kAdmin).status());
    return List(queue_, *request, *response);
  });
}

grpc::Status JobService::WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                                  grpc::ServerWriter<v1::JobEvent>* writer) {
  return Handle("WatchJob", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kSubmit | access::Scope::kAdmin).status());
    return Watch(queue_, *request, *context, *writer);
  });
}

grpc::Status JobService::CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request,
                                   v1::Job* response) {
  return Handle("CancelJob", [&]() -> absl::Status {
    RETURN_IF_ERROR(authenticator_.Authenticate(*context, access::Scope::kSubmit | access::Scope::kAdmin).status());
    RETURN_IF_ERROR(ValidateId("id", request->id()));
    ASSIGN_OR_RETURN(*response, queue_.Cancel(request->id()));
    return absl::OkStatus();
  });
}

}  // namespace joinery::server
