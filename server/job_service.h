// JobService (joinery/v1/jobs.proto) over a JobQueue. Thread-safe. Each call holds a thread but CreateJob: many come at
// once, and to make, wake and put to sleep a thread for each took longer than what they ask for.
#pragma once

#include "joinery/v1/jobs.grpc.pb.h"
#include "server/access/authenticator.h"
#include "server/executor.h"
#include "server/job_queue.h"

namespace joinery::server {

class JobService : public v1::JobService::WithRawCallbackMethod_CreateJob<v1::JobService::Service> {
 public:
  // All must outlive the service.
  JobService(access::Authenticator& authenticator, JobQueue& queue, Executor& executor)
      : authenticator_(authenticator), queue_(queue), executor_(executor) {}

  // In bytes: gRPC would answer for those that are no request with UNIMPLEMENTED.
  grpc::ServerUnaryReactor* CreateJob(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::Status CreateJobArray(grpc::ServerContext* context, const v1::CreateJobArrayRequest* request,
                              v1::JobArray* response) override;
  grpc::Status CancelJobArray(grpc::ServerContext* context, const v1::CancelJobArrayRequest* request,
                              v1::JobArray* response) override;
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request, v1::Job* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::JobEvent>* writer) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request, v1::Job* response) override;

 private:
  // Of those who see jobs.
  absl::StatusOr<access::Caller> Authenticate(const grpc::ServerContext& context);
  // Calls `done` unless it returns an error.
  absl::Status Create(const grpc::CallbackServerContext& context, grpc::ByteBuffer bytes, JobQueue::CreateDone done);

  access::Authenticator& authenticator_;
  JobQueue& queue_;
  Executor& executor_;
};

}  // namespace joinery::server
