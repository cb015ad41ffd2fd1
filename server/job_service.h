// JobService (joinery/v1/jobs.proto) over a JobQueue. Thread-safe.
#pragma once

#include "joinery/v1/jobs.grpc.pb.h"
#include "server/access/authenticator.h"
#include "server/job_queue.h"

namespace joinery::server {

class JobService : public v1::JobService::Service {
 public:
  // Both must outlive the service.
  JobService(access::Authenticator& authenticator, JobQueue& queue) : authenticator_(authenticator), queue_(queue) {}

  grpc::Status CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* request, v1::Job* response) override;
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

  access::Authenticator& authenticator_;
  JobQueue& queue_;
};

}  // namespace joinery::server
