#include "server/admin_service.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "server/access/token.h"
#include "server/grpc_status.h"
#include "server/proto_time.h"

namespace joinery::server {
namespace {

constexpr char kDefaultProject[] = "default";
constexpr int kMaxScopes = 8;
constexpr int kMaxListed = 1000;
constexpr int kDefaultEntries = 100;
constexpr int kDefaultJobs = 50;

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

v1::Limits ToProto(const storage::Limits& limits) {
  v1::Limits message;
  if (limits.blob_bytes.has_value()) message.set_blob_bytes(*limits.blob_bytes);
  if (limits.queued_jobs.has_value()) message.set_queued_jobs(*limits.queued_jobs);
  if (limits.running_jobs.has_value()) message.set_running_jobs(*limits.running_jobs);
  return message;
}

storage::Limits OrElse(const storage::Limits& limits, const storage::Limits& defaults) {
  return {.blob_bytes = limits.blob_bytes.has_value() ? limits.blob_bytes : defaults.blob_bytes,
          .queued_jobs = limits.queued_jobs.has_value() ? limits.queued_jobs : defaults.queued_jobs,
          .running_jobs = limits.running_jobs.has_value() ? limits.running_jobs : defaults.running_jobs};
}

v1::SubjectLimits ToProto(const storage::LimitRecord& record) {
  v1::SubjectLimits subject;
  subject.set_kind(record.subject.kind == storage::LimitKind::kUser ? v1::SUBJECT_KIND_USER : v1::SUBJECT_KIND_PROJECT);
  subject.set_name(record.subject.name);
  *subject.mutable_limits() = ToProto(record.limits);
  return subject;
}

absl::StatusOr<int> CheckSize(absl::string_view field, int size, int default_size) {
  if (size >= 0 && size <= kMaxListed) return size == 0 ? default_size : size;
  return absl::InvalidArgumentError(absl::StrCat(field, " is not 1 to ", kMaxListed, ", nor 0 for the default"));
}

absl::StatusOr<storage::AuditQuery> ParseAuditQuery(const v1::ListAuditRequest& request) {
  storage::AuditQuery query = {.user = request.user(), .action = request.action(), .subject = request.subject()};
  if (request.has_since()) query.since = FromProto(request.since());
  ASSIGN_OR_RETURN(query.limit, CheckSize("page_size", request.page_size(), kDefaultEntries));
  if (request.page_token().empty()) return query;
  if (!absl::SimpleAtoi(request.page_token(), &query.before) || query.before < 1) {
    return absl::InvalidArgumentError("page_token is none that ListAudit gave");
  }
  return query;
}

v1::AuditEntry ToProto(const storage::AuditEntry& entry) {
  v1::AuditEntry message;
  message.set_number(entry.number);
  *message.mutable_time() = server::ToProto(entry.time);
  message.set_user(entry.by.user);
  message.set_project(entry.by.project);
  message.set_token_id(entry.by.token_id);
  message.set_peer(entry.by.peer);
  message.set_action(entry.action);
  message.set_subject(entry.subject);
  message.set_details(entry.details);
  return message;
}

v1::QueuedJob ToProto(const storage::JobInLine& job) {
  v1::QueuedJob message;
  message.set_id(job.id);
  message.set_user(job.user);
  message.set_project(job.project);
  *message.mutable_created_at() = server::ToProto(job.created_at);
  message.set_priority(job.priority);
  message.set_reason(job.reason);
  return message;
}

}  // namespace

absl::StatusOr<storage::Actor> AdminService::Admit(const grpc::ServerContext& context) {
  ASSIGN_OR_RETURN(const access::Caller caller, authenticator_.Authenticate(context, access::Scope::kAdmin));
  return access::ActorOf(caller);
}

absl::Status AdminService::SetAccount(const storage::LimitSubject& subject, const storage::Use& use,
                                      v1::Account& account) {
  ASSIGN_OR_RETURN(const storage::Limits stored, administration_.store().LimitsOf(subject));
  const bool is_user = subject.kind == storage::LimitKind::kUser;
  *account.mutable_limits() = ToProto(OrElse(stored, is_user ? user_defaults_ : project_defaults_));
  account.mutable_use()->set_blob_bytes(use.blob_bytes);
  account.mutable_use()->set_queued_jobs(use.queued_jobs);
  account.mutable_use()->set_running_jobs(use.running_jobs);
  return absl::OkStatus();
}

absl::Status AdminService::SetAccount(const storage::LimitSubject& subject, v1::Account& account) {
  ASSIGN_OR_RETURN(const storage::Use use, administration_.store().UseOf(subject));
  return SetAccount(subject, use, account);
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
    response->set_token_id(caller.token_id);
    if (caller.expires_at.has_value()) *response->mutable_expires_at() = server::ToProto(*caller.expires_at);
    RETURN_IF_ERROR(SetAccount({storage::LimitKind::kUser, caller.user}, *response->mutable_user_account()));
    return SetAccount({storage::LimitKind::kProject, caller.project}, *response->mutable_project_account());
  });
}

grpc::Status AdminService::CreateToken(grpc::ServerContext* context, const v1::CreateTokenRequest* request,
                                       v1::CreateTokenResponse* response) {
  return Handle("CreateToken", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const storage::Actor actor, Admit(*context));
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
    ASSIGN_OR_RETURN(const storage::Actor actor, Admit(*context));
    ASSIGN_OR_RETURN(const storage::TokenRecord token, administration_.RevokeToken(actor, request->id()));
    *response = ToProto(token);
    return absl::OkStatus();
  });
}

grpc::Status AdminService::SetLimits(grpc::ServerContext* context, const v1::SetLimitsRequest* request,
                                     v1::SubjectLimits* response) {
  return Handle("SetLimits", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const storage::Actor actor, Admit(*context));
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

grpc::Status AdminService::ListUsers(grpc::ServerContext* context, const v1::ListUsersRequest* /*request*/,
                                     v1::ListUsersResponse* response) {
  return Handle("ListUsers", [&]() -> absl::Status {
    RETURN_IF_ERROR(Admit(*context).status());
    ASSIGN_OR_RETURN(const std::vector<storage::UserRecord> users, administration_.Users());
    for (const storage::UserRecord& record : users) {
      v1::User& user = *response->add_users();
      user.set_name(record.name);
      for (const std::string& project : record.projects) user.add_projects(project);
      user.set_valid_tokens(record.valid_tokens);
      if (record.last_used_at.has_value()) *user.mutable_last_used_at() = server::ToProto(*record.last_used_at);
      RETURN_IF_ERROR(SetAccount({storage::LimitKind::kUser, record.name}, record.use, *user.mutable_account()));
    }
    ASSIGN_OR_RETURN(const std::vector<storage::ProjectRecord> projects, administration_.Projects());
    for (const storage::ProjectRecord& record : projects) {
      v1::Project& project = *response->add_projects();
      project.set_name(record.name);
      RETURN_IF_ERROR(SetAccount({storage::LimitKind::kProject, record.name}, record.use, *project.mutable_account()));
    }
    return absl::OkStatus();
  });
}

grpc::Status AdminService::ListAudit(grpc::ServerContext* context, const v1::ListAuditRequest* request,
                                     v1::ListAuditResponse* response) {
  return Handle("ListAudit", [&]() -> absl::Status {
    RETURN_IF_ERROR(Admit(*context).status());
    ASSIGN_OR_RETURN(const storage::AuditQuery query, ParseAuditQuery(*request));
    ASSIGN_OR_RETURN(const std::vector<storage::AuditEntry> entries, audit_log_.List(query));
    for (const storage::AuditEntry& entry : entries) *response->add_entries() = ToProto(entry);
    if (static_cast<int>(entries.size()) == query.limit) {
      response->set_next_page_token(absl::StrCat(entries.back().number));
    }
    return absl::OkStatus();
  });
}

grpc::Status AdminService::GetQueue(grpc::ServerContext* context, const v1::GetQueueRequest* request,
                                    v1::Queue* response) {
  return Handle("GetQueue", [&]() -> absl::Status {
    RETURN_IF_ERROR(Admit(*context).status());
    ASSIGN_OR_RETURN(const int limit, CheckSize("limit", request->limit(), kDefaultJobs));
    ASSIGN_OR_RETURN(const std::vector<storage::JobInLine> line, queue_.InLine(limit));
    for (const storage::JobInLine& job : line) *response->add_jobs() = ToProto(job);
    ASSIGN_OR_RETURN(const storage::JobCounts counts, queue_.Counts());
    response->set_queued_jobs(counts.queued);
    response->set_running_jobs(counts.running);
    ASSIGN_OR_RETURN(const bool drained, queue_.IsServerDrained());
    response->set_drained(drained);
    return absl::OkStatus();
  });
}

grpc::Status AdminService::SetServerDrain(grpc::ServerContext* context, const v1::SetServerDrainRequest* request,
                                          v1::SetServerDrainResponse* response) {
  return Handle("SetServerDrain", [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const storage::Actor actor, Admit(*context));
    RETURN_IF_ERROR(queue_.SetServerDrain(request->drained(), actor));
    ASSIGN_OR_RETURN(const storage::JobCounts counts, queue_.Counts());
    response->set_drained(request->drained());
    response->set_running_jobs(counts.running);
    return absl::OkStatus();
  });
}

}  // namespace joinery::server
