// AdminService (joinery/v1/admin.proto). Thread-safe.
#pragma once

#include "joinery/v1/admin.grpc.pb.h"
#include "server/access/administration.h"
#include "server/access/authenticator.h"
#include "server/job_queue.h"
#include "storage/access_store.h"
#include "storage/audit_log.h"

namespace joinery::server {

// What the service is about besides the queue; all must outlive it.
struct AdminServiceOptions {
  access::Administration* administration = nullptr;
  storage::AuditLog* audit_log = nullptr;
  // Of users and projects that have none of their own and none by "*".
  storage::Limits user_defaults = {};
  storage::Limits project_defaults = {};
};

class AdminService : public v1::AdminService::Service {
 public:
  // The references must outlive the service.
  AdminService(access::Authenticator& authenticator, JobQueue& queue, const AdminServiceOptions& options)
      : authenticator_(authenticator),
        queue_(queue),
        administration_(*options.administration),
        audit_log_(*options.audit_log),
        user_defaults_(options.user_defaults),
        project_defaults_(options.project_defaults) {}

  grpc::Status WhoAmI(grpc::ServerContext* context, const v1::WhoAmIRequest* request,
                      v1::WhoAmIResponse* response) override;
  grpc::Status CreateToken(grpc::ServerContext* context, const v1::CreateTokenRequest* request,
                           v1::CreateTokenResponse* response) override;
  grpc::Status ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                          v1::ListTokensResponse* response) override;
  grpc::Status RevokeToken(grpc::ServerContext* context, const v1::RevokeTokenRequest* request,
                           v1::Token* response) override;
  grpc::Status SetLimits(grpc::ServerContext* context, const v1::SetLimitsRequest* request,
                         v1::SubjectLimits* response) override;
  grpc::Status ListLimits(grpc::ServerContext* context, const v1::ListLimitsRequest* request,
                          v1::ListLimitsResponse* response) override;
  grpc::Status ListUsers(grpc::ServerContext* context, const v1::ListUsersRequest* request,
                         v1::ListUsersResponse* response) override;
  grpc::Status ListAudit(grpc::ServerContext* context, const v1::ListAuditRequest* request,
                         v1::ListAuditResponse* response) override;
  grpc::Status GetQueue(grpc::ServerContext* context, const v1::GetQueueRequest* request, v1::Queue* response) override;
  grpc::Status SetServerDrain(grpc::ServerContext* context, const v1::SetServerDrainRequest* request,
                              v1::SetServerDrainResponse* response) override;

 private:
  // The caller, if they may do this.
  absl::StatusOr<storage::Actor> Admit(const grpc::ServerContext& context);
  absl::Status SetAccount(const storage::LimitSubject& subject, const storage::Use& use, v1::Account& account);
  // Of the subject's use now.
  absl::Status SetAccount(const storage::LimitSubject& subject, v1::Account& account);

  access::Authenticator& authenticator_;
  JobQueue& queue_;
  access::Administration& administration_;
  storage::AuditLog& audit_log_;
  const storage::Limits user_defaults_;
  const storage::Limits project_defaults_;
};

}  // namespace joinery::server
