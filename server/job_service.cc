#include "server/job_service.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "server/grpc_status.h"
#include "server/validation.h"
#include "telemetry/rpc_interceptors.h"

namespace joinery::server {
namespace {

constexpr int kDefaultPageSize = 50;
constexpr int kMaxPageSize = 1000;
constexpr int kMaxStates = 16;
constexpr int kMaxArraySize = 1000;

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
  query.user = request.user();
  query.array_id = request.array_id();
  return query;
}

// A job that does not say otherwise is a part of the call that creates it.
void SetTrace(const grpc::ServerContextBase& context, v1::JobOptions& options) {
  if (telemetry::ParseTraceparent(options.traceparent()).has_value()) return;
  const std::optional<telemetry::TraceContext> trace = telemetry::TraceOf(context);
  options.set_traceparent(trace.has_value() ? telemetry::FormatTraceparent(*trace) : "");
}

absl::Status ValidateArray(const v1::CreateJobArrayRequest& request) {
  RETURN_IF_ERROR(ValidateId("request_id", request.request_id()));
  if (request.jobs().empty() || request.jobs_size() > kMaxArraySize) {
    return absl::InvalidArgumentError(
        absl::StrCat("jobs has ", request.jobs_size(), " entries, not 1 to ", kMaxArraySize));
  }
  for (int i = 0; i < request.jobs_size(); ++i) {
    const std::string where = absl::StrCat("jobs[", i, "]");
    RETURN_IF_ERROR(base::Annotate(ValidateSpec(request.jobs(i).spec()), where));
    RETURN_IF_ERROR(base::Annotate(ValidateOptions(request.jobs(i).options()), where));
  }
  return absl::OkStatus();
}

void SetArray(std::vector<v1::Job> jobs, v1::JobArray& response) {
  response.set_id(jobs.front().array_id());
  for (v1::Job& job : jobs) *response.add_jobs() = std::move(job);
}

absl::Status List(JobQueue& queue, const access::Caller& caller, const v1::ListJobsRequest& request,
                  v1::ListJobsResponse& response) {
  ASSIGN_OR_RETURN(storage::JobQuery query, ParseQuery(request));
  ASSIGN_OR_RETURN(storage::JobPage page, queue.List(caller, std::move(query)));
  for (v1::Job& job : page.jobs) *response.add_jobs() = std::move(job);
  response.set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

template <typename Request>
absl::StatusOr<Request> Parse(grpc::ByteBuffer bytes) {
  Request request;
  if (grpc::SerializationTraits<Request>::Deserialize(&bytes, &request).ok()) return request;
  return absl::InvalidArgumentError(absl::StrCat("the bytes of the request are no ", request.GetTypeName()));
}

}  // namespace

absl::StatusOr<access::Caller> JobService::Authenticate(const grpc::ServerContextBase& context) {
  return authenticator_.Authenticate(context, access::Scope::kSubmit | access::Scope::kAdmin);
}

absl::Status JobService::Create(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& bytes,
                                JobQueue::CreateDone done) {
  ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(context, access::Scope::kSubmit));
  ASSIGN_OR_RETURN(v1::CreateJobRequest request, Parse<v1::CreateJobRequest>(bytes));
  RETURN_IF_ERROR(ValidateId("request_id", request.request_id()));
  RETURN_IF_ERROR(ValidateSpec(request.spec()));
  RETURN_IF_ERROR(ValidateOptions(request.options()));
  SetTrace(context, *request.mutable_options());
  return queue_.Create(caller, request, std::move(done));
}

grpc::ServerUnaryReactor* JobService::CreateJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const auto done = [reactor, response](const absl::StatusOr<v1::Job>& job) {
    if (!job.ok()) return reactor->Finish(Answer("CreateJob", job.status()));
    bool owned = false;
    reactor->Finish(grpc::SerializationTraits<v1::Job>::Serialize(*job, response, &owned));
  };
  const bool taken = submit_executor_.Run([this, context, request, reactor, done] {
    const grpc::Status status = Handle("CreateJob", [&] { return Create(*context, *request, done); });
    if (!status.ok()) reactor->Finish(status);
  });
  if (!taken) reactor->Finish(ToGrpcStatus(absl::UnavailableError("too many calls wait for the server; try again")));
  return reactor;
}

grpc::Status JobService::CreateJobArray(grpc::ServerContext* context, const v1::CreateJobArrayRequest* request,
                                        v1::JobArray* response) {
  return Handle("CreateJobArray", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(*context, access::Scope::kSubmit));
    RETURN_IF_ERROR(ValidateArray(*request));
    v1::CreateJobArrayRequest traced = *request;
    for (v1::JobSubmission& job : *traced.mutable_jobs()) SetTrace(*context, *job.mutable_options());
    ASSIGN_OR_RETURN(std::vector<v1::Job> jobs, queue_.CreateArray(caller, traced));
    SetArray(std::move(jobs), *response);
    return absl::OkStatus();
  });
}

grpc::Status JobService::CancelJobArray(grpc::ServerContext* context, const v1::CancelJobArrayRequest* request,
                                        v1::JobArray* response) {
  return Handle("CancelJobArray", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    RETURN_IF_ERROR(ValidateId("id", request->id()));
    ASSIGN_OR_RETURN(std::vector<v1::Job> jobs, queue_.CancelArray(caller, request->id()));
    SetArray(std::move(jobs), *response);
    return absl::OkStatus();
  });
}

grpc::Status JobService::GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request, v1::Job* response) {
  return Handle("GetJob", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    RETURN_IF_ERROR(ValidateId("id", request->id()));
    ASSIGN_OR_RETURN(*response, queue_.Get(caller, request->id()));
    return absl::OkStatus();
  });
}

grpc::Status JobService::ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                                  v1::ListJobsResponse* response) {
  return Handle("ListJobs", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    return List(queue_, caller, *request, *response);
  });
}

absl::StatusOr<WatchStream::Begun> JobService::Watch(const grpc::CallbackServerContext& context,
                                                     const grpc::ByteBuffer& bytes, JobWatchers::Tell tell) {
  ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(context));
  ASSIGN_OR_RETURN(const v1::WatchJobRequest request, Parse<v1::WatchJobRequest>(bytes));
  RETURN_IF_ERROR(ValidateId("id", request.id()));
  if (request.after_sequence() < 0) return absl::InvalidArgumentError("after_sequence is negative");
  WatchStream::Begun begun;
  ASSIGN_OR_RETURN(begun.place, watches_.Enter(caller.user));
  ASSIGN_OR_RETURN(begun.watch, queue_.Watch(caller, request.id(), request.after_sequence(), std::move(tell)));
  return begun;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* JobService::WatchJob(grpc::CallbackServerContext* context,
                                                                 const grpc::ByteBuffer* request) {
  return new WatchStream(watch_executor_, [this, context, request](JobWatchers::Tell tell) {
    return Watch(*context, *request, std::move(tell));
  });
}

grpc::Status JobService::CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request,
                                   v1::Job* response) {
  return Handle("CancelJob", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, Authenticate(*context));
    RETURN_IF_ERROR(ValidateId("id", request->id()));
    ASSIGN_OR_RETURN(*response, queue_.Cancel(caller, request->id()));
    return absl::OkStatus();
  });
}

}  // namespace joinery::server
