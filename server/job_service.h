// JobService (joinery/v1/jobs.proto) over a JobQueue. Thread-safe. Each call holds a thread but two. CreateJob: many
// come at once, and to make, wake and put to sleep a thread for each took longer than what they ask for. WatchJob: many
// wait at once, and their threads would be missing to everybody else.
#pragma once

#include "joinery/v1/jobs.grpc.pb.h"
#include "server/access/authenticator.h"
#include "server/call_limit.h"
#include "server/executor.h"
#include "server/job_queue.h"
#include "server/watch_stream.h"

namespace joinery::server {

class JobService : public v1::JobService::WithRawCallbackMethod_CreateJob<
                       v1::JobService::WithRawCallbackMethod_WatchJob<v1::JobService::Service>> {
 public:
  // All must outlive the service. Submissions do not wait behind watches, so each have an executor.
  JobService(access::Authenticator& authenticator, JobQueue& queue, Executor& submit_executor, Executor& watch_executor,
             CallLimit& watches)
      : authenticator_(authenticator),
        queue_(queue),
        submit_executor_(submit_executor),
        watch_executor_(watch_executor),
        watches_(watches) {}

  // Both in bytes: gRPC would answer for those that are no request with UNIMPLEMENTED.
  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchJob(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request) override;
  grpc::Status CreateJobArray(grpc::ServerContext* context, const v1::CreateJobArrayRequest* request,
                              v1::JobArray* response) override;
  grpc::Status CancelJobArray(grpc::ServerContext* context, const v1::CancelJobArrayRequest* request,
                              v1::JobArray* response) override;
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request, v1::Job* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request, v1::Job* response) override;

 private:
  // Of those who see jobs.
  absl::StatusOr<access::Caller> Authenticate(const grpc::ServerContextBase& context);
  // Calls `done` unless it returns an error.
  absl::Status Create(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& bytes,
                      JobQueue::CreateDone done);
  absl::StatusOr<WatchStream::Begun> Watch(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& bytes,
                                           JobWatchers::Tell tell);

  access::Authenticator& authenticator_;
  JobQueue& queue_;
  Executor& submit_executor_;
  Executor& watch_executor_;
  CallLimit& watches_;
};

}  // namespace joinery::server
