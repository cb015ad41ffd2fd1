#include "server/admin_service.h"

#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "server/access/token.h"
#include "server/grpc_status.h"
#include "server/proto_time.h"

namespace joinery::server {
namespace {

constexpr char kDefaultProject[] = "default";
constexpr int kMaxScopes = 8;

v1::Token ToProto(const storage::TokenRecord& record) {
  v1::Token token;
  token.set_id(record.id);
  token.set_user(record.user);
  token.set_project(record.project);
  for (std::string& scope : access::ScopeNames(record)) token.add_scopes(std::move(scope));
  token.set_note(record.note);
  *token.mutable_created_at() = server::ToProto(record.created_at);
  token.set_created_by(record.created_by);
  if (record.expires_at.has_value()) *token.mutable_expires_at() = server::ToProto(*record.expires_at);
  if (record.last_used_at.has_value()) *token.mutable_last_used_at() = server::ToProto(*record.last_used_at);
  if (record.revoked_at.has_value()) *token.mutable_revoked_at() = server::ToProto(*record.revoked_at);
  return token;
}

absl::StatusOr<access::TokenRequest> ParseTokenRequest(const v1::CreateTokenRequest& request) {
  if (request.forever() && request.has_lifetime()) {
    return absl::InvalidArgumentError("a token that never expires has no lifetime; set one of the two");
  }
  if (request.scopes_size() > kMaxScopes) return absl::InvalidArgumentError("scopes has more entries than there are");
  access::TokenRequest parsed;
  parsed.user = request.user();
  parsed.project = request.project().empty() ? kDefaultProject : request.project();
  parsed.scopes.assign(request.scopes().begin(), request.scopes().end());
  if (request.forever()) parsed.lifetime = absl::InfiniteDuration();
  if (request.has_lifetime()) parsed.lifetime = FromProto(request.lifetime());
  parsed.note = request.note();
  return parsed;
}

absl::StatusOr<storage::LimitSubject> ParseSubject(const v1::SubjectLimits& subject) {
  switch (subject.kind()) {
    case v1::SUBJECT_KIND_USER:
      return storage::LimitSubject{storage::LimitKind::kUser, subject.name()};
    case v1::SUBJECT_KIND_PROJECT:
      return storage::LimitSubject{storage::LimitKind::kProject, subject.name()};
    default:
      return absl::InvalidArgumentError("subject.kind is missing or unknown; it is user or project");
  }
}

storage::Limits ParseLimits(const v1::Limits& limits) {
  storage::Limits parsed;
  if (limits.has_blob_bytes()) parsed.blob_bytes = limits.blob_bytes();
  if (limits.has_queued_jobs()) parsed.queued_jobs = limits.queued_jobs();
  if (limits.has_running_jobs()) parsed.running_jobs = limits.running_jobs();
  return parsed;
}

v1::SubjectLimits ToProto(const storage::LimitRecord& record) {
  v1::SubjectLimits subject;
  subject.set_kind(record.subject.kind == storage::LimitKind::kUser ? v1::SUBJECT_KIND_USER : v1::SUBJECT_KIND_PROJECT);
  subject.set_name(record.subject.name);
  v1::Limits& limits = *subject.mutable_limits();
  if (record.limits.blob_bytes.has_value()) limits.set_blob_bytes(*record.limits.blob_bytes);
  if (record.limits.queued_jobs.has_value()) limits.set_queued_jobs(*record.limits.queued_jobs);
  if (record.limits.running_jobs.has_value()) limits.set_running_jobs(*record.limits.running_jobs);
  return subject;
}

}  // namespace

absl::StatusOr<access::Actor> AdminService::Admit(const grpc::ServerContext& context) {
  ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(context, access::Scope::kAdmin));
  return access::Actor{.user = caller.user, .project = caller.project, .peer = context.peer()};
}

grpc::Status AdminService::WhoAmI(grpc::ServerContext* context, const v1::WhoAmIRequest* /*request*/,
                                  v1::WhoAmIResponse* response) {
  return Handle("WhoAmI", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(*context, access::Scope::kAny));
    response->set_user(caller.user);
    response->set_project(caller.project);
    if (caller.may_submit) response->add_scopes("submit");
    if (caller.may_work) response->add_scopes("work");
    if (caller.may_admin) response->add_scopes("admin");
    return absl::OkStatus();
  });
}

grpc::Status AdminService::CreateToken(grpc::ServerContext* context, const v1::CreateTokenRequest* request,
                                       v1::CreateTokenResponse* response) {
  return Handle("CreateToken", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Actor actor, Admit(*context));
    ASSIGN_OR_RETURN(const access::TokenRequest parsed, ParseTokenRequest(*request));
    ASSIGN_OR_RETURN(const access::NewToken token, administration_.CreateToken(actor, parsed));
    *response->mutable_token() = ToProto(token.record);
    response->set_secret(token.text);
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* /*request*/,
                                      v1::ListTokensResponse* response) {
  return Handle("ListTokens", [&]() -> absl::Status {
    RETURN_IF_ERROR(Admit(*context).status());
    ASSIGN_OR_RETURN(const std::vector<storage::TokenRecord> tokens, administration_.store().ListTokens());
    for (const storage::TokenRecord& token : tokens) *response->add_tokens() = ToProto(token);
    return absl::OkStatus();
  });
}

grpc::Status AdminService::RevokeToken(grpc::ServerContext* context, const v1::RevokeTokenRequest* request,
                                       v1::Token* response) {
  return Handle("RevokeToken", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Actor actor, Admit(*context));
    ASSIGN_OR_RETURN(const storage::TokenRecord token, administration_.RevokeToken(actor, request->id()));
    *response = ToProto(token);
    return absl::OkStatus();
  });
}

grpc::Status AdminService::SetLimits(grpc::ServerContext* context, const v1::SetLimitsRequest* request,
                                     v1::SubjectLimits* response) {
  return Handle("SetLimits", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const access::Actor actor, Admit(*context));
    ASSIGN_OR_RETURN(const storage::LimitSubject subject, ParseSubject(request->subject()));
    const storage::Limits limits = ParseLimits(request->subject().limits());
    RETURN_IF_ERROR(administration_.SetLimits(actor, subject, limits));
    *response = ToProto(storage::LimitRecord{subject, limits});
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ListLimits(grpc::ServerContext* context, const v1::ListLimitsRequest* /*request*/,
                                      v1::ListLimitsResponse* response) {
  return Handle("ListLimits", [&]() -> absl::Status {
    RETURN_IF_ERROR(Admit(*context).status());
    ASSIGN_OR_RETURN(const std::vector<storage::LimitRecord> records, administration_.store().ListLimits());
    for (const storage::LimitRecord& record : records) *response->add_subjects() = ToProto(record);
    return absl::OkStatus();
  });
}

}  // namespace joinery::server
