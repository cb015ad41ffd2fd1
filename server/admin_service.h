// AdminService (joinery/v1/admin.proto). Thread-safe.
#pragma once

#include "joinery/v1/admin.grpc.pb.h"
#include "server/access/administration.h"
#include "server/access/authenticator.h"

namespace joinery::server {

class AdminService : public v1::AdminService::Service {
 public:
  // The references must outlive the service.
  AdminService(access::Authenticator& authenticator, access::Administration& administration)
      : authenticator_(authenticator), administration_(administration) {}

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

 private:
  // The caller, if they may do this.
  absl::StatusOr<access::Actor> Admit(const grpc::ServerContext& context);

  access::Authenticator& authenticator_;
  access::Administration& administration_;
};

}  // namespace joinery::server
