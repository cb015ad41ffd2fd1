// WorkerService (joinery/v1/workers.proto) over a JobQueue. Thread-safe.
#pragma once

#include "joinery/v1/workers.grpc.pb.h"
#include "server/access/authenticator.h"
#include "server/call_limit.h"
#include "server/job_queue.h"

namespace joinery::server {

class WorkerService : public v1::WorkerService::Service {
 public:
  // All must outlive the service. A worker beyond those that may wait is answered at once, and asks again.
  WorkerService(access::Authenticator& authenticator, JobQueue& queue, CallLimit& waiting)
      : authenticator_(authenticator), queue_(queue), waiting_(waiting) {}

  grpc::Status LeaseJob(grpc::ServerContext* context, const v1::LeaseJobRequest* request,
                        v1::LeaseJobResponse* response) override;
  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override;
  grpc::Status FinishJob(grpc::ServerContext* context, const v1::FinishJobRequest* request,
                         v1::FinishJobResponse* response) override;
  grpc::Status ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response) override;

  grpc::Status SetWorkerDrain(grpc::ServerContext* context, const v1::SetWorkerDrainRequest* request,
                              v1::Worker* response) override;

 private:
  access::Authenticator& authenticator_;
  JobQueue& queue_;
  CallLimit& waiting_;
};

}  // namespace joinery::server
