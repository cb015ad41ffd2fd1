#include "storage/sqlite/access_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "storage/sqlite/audit_log.h"
#include "storage/sqlite/quotas.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

void BindTime(Statement& statement, const char* name, const std::optional<absl::Time>& time) {
  if (time.has_value()) statement.BindInteger(name, absl::ToUnixNanos(*time));
}

void BindLimit(Statement& statement, const char* name, const std::optional<int64_t>& limit) {
  if (limit.has_value()) statement.BindInteger(name, *limit);
}

std::optional<absl::Time> TimeIn(const Statement& row, const char* column) {
  if (row.IsNull(column)) return std::nullopt;
  return absl::FromUnixNanos(row.Integer(column));
}

TokenRecord TokenIn(const Statement& row) {
  return {.id = row.Text("id"),
          .user = row.Text("user"),
          .project = row.Text("project"),
          .note = row.Text("note"),
          .may_submit = row.Integer("may_submit") != 0,
          .may_work = row.Integer("may_work") != 0,
          .may_admin = row.Integer("may_admin") != 0,
          .created_at = absl::FromUnixNanos(row.Integer("created_at")),
          .created_by = row.Text("created_by"),
          .expires_at = TimeIn(row, "expires_at"),
          .last_used_at = TimeIn(row, "last_used_at"),
          .revoked_at = TimeIn(row, "revoked_at")};
}

void BindToken(const TokenRecord& token, const std::string& secret_digest, Statement& statement) {
  statement.BindText(":secret_digest", secret_digest)
      .BindText(":id", token.id)
      .BindText(":user", token.user)
      .BindText(":project", token.project)
      .BindText(":note", token.note)
      .BindInteger(":may_submit", token.may_submit ? 1 : 0)
      .BindInteger(":may_work", token.may_work ? 1 : 0)
      .BindInteger(":may_admin", token.may_admin ? 1 : 0)
      .BindInteger(":created_at", absl::ToUnixNanos(token.created_at))
      .BindText(":created_by", token.created_by);
  BindTime(statement, ":expires_at", token.expires_at);
}

UserRecord UserIn(const Statement& row) {
  const std::string projects = row.Text("projects");
  return {.name = row.Text("name"),
          .projects = absl::StrSplit(projects, '\n', absl::SkipEmpty()),
          .valid_tokens = row.Integer("valid_tokens"),
          .last_used_at = TimeIn(row, "last_used_at"),
          .use = {}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<SqliteAccessStore>> SqliteAccessStore::Open(const SqliteAccessStoreOptions& options) {
  auto store = std::unique_ptr<SqliteAccessStore>(new SqliteAccessStore());
  const absl::MutexLock write_lock(&store->write_mutex_);
  const absl::MutexLock read_lock(&store->read_mutex_);
  ASSIGN_OR_RETURN(store->durable_, Database::Open(options.path, Durability::kPowerLoss, options.vfs));
  RETURN_IF_ERROR(MigrateSchema(*store->durable_));
  ASSIGN_OR_RETURN(store->relaxed_, Database::Open(options.path, Durability::kProcessCrash, options.vfs));
  ASSIGN_OR_RETURN(store->reader_, Database::Open(options.path, Durability::kProcessCrash, options.vfs));
  return store;
}

absl::Status SqliteAccessStore::AddToken(const TokenRecord& token, const std::string& secret_digest,
                                         const AuditEntry& audit) {
  const absl::MutexLock lock(&write_mutex_);
  return InTransaction(*durable_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::Status {
    ASSIGN_OR_RETURN(const auto statement, durable_->Prepare(statements::kInsertToken));
    BindToken(token, secret_digest, *statement);
    ASSIGN_OR_RETURN(const bool added, statement->Step());
    if (!added) return absl::AlreadyExistsError(absl::StrCat("there is a token ", token.id, " already"));
    RETURN_IF_ERROR(statement->Run());
    return AppendAudit(*durable_, audit);
  });
}

absl::StatusOr<std::optional<TokenRecord>> SqliteAccessStore::FindToken(const std::string& secret_digest) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto statement, reader_->Prepare(statements::kFindToken));
  statement->BindText(":secret_digest", secret_digest);
  ASSIGN_OR_RETURN(const bool found, statement->Step());
  if (!found) return std::nullopt;
  return TokenIn(*statement);
}

absl::StatusOr<std::vector<TokenRecord>> SqliteAccessStore::ListTokens() {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto statement, reader_->Prepare(statements::kListTokens));
  std::vector<TokenRecord> tokens;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, statement->Step());
    if (!more) return tokens;
    tokens.push_back(TokenIn(*statement));
  }
}

absl::StatusOr<TokenRecord> SqliteAccessStore::RevokeToken(const std::string& id, absl::Time now,
                                                           const AuditEntry& audit) {
  const absl::MutexLock lock(&write_mutex_);
  return InTransaction(*durable_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::StatusOr<TokenRecord> {
    ASSIGN_OR_RETURN(const auto statement, durable_->Prepare(statements::kRevokeToken));
    statement->BindText(":id", id).BindInteger(":now", absl::ToUnixNanos(now));
    ASSIGN_OR_RETURN(const bool found, statement->Step());
    if (!found) return absl::NotFoundError(absl::StrCat("there is no token ", id));
    TokenRecord token = TokenIn(*statement);
    RETURN_IF_ERROR(statement->Run());
    RETURN_IF_ERROR(AppendAudit(*durable_, audit));
    return token;
  });
}

absl::Status SqliteAccessStore::MarkTokenUsed(const std::string& id, absl::Time now) {
  const absl::MutexLock lock(&write_mutex_);
  ASSIGN_OR_RETURN(const auto statement, relaxed_->Prepare(statements::kMarkTokenUsed));
  statement->BindText(":id", id).BindInteger(":now", absl::ToUnixNanos(now));
  return statement->Run();
}

absl::StatusOr<bool> SqliteAccessStore::HasTokens() {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto statement, reader_->Prepare(statements::kHasTokens));
  RETURN_IF_ERROR(statement->Step().status());
  return statement->Integer("any_token") != 0;
}

absl::StatusOr<Limits> SqliteAccessStore::LimitsOf(const LimitSubject& subject) {
  const absl::MutexLock lock(&read_mutex_);
  return FindLimits(*reader_, subject);
}

absl::Status SqliteAccessStore::SetLimits(const LimitSubject& subject, const Limits& limits, const AuditEntry& audit) {
  const absl::MutexLock lock(&write_mutex_);
  return InTransaction(*durable_, [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(write_mutex_) -> absl::Status {
    ASSIGN_OR_RETURN(const auto statement, durable_->Prepare(statements::kSetLimits));
    statement->BindText(":kind", NameOf(subject.kind)).BindText(":name", subject.name);
    BindLimit(*statement, ":blob_bytes", limits.blob_bytes);
    BindLimit(*statement, ":queued_jobs", limits.queued_jobs);
    BindLimit(*statement, ":running_jobs", limits.running_jobs);
    RETURN_IF_ERROR(statement->Run());
    return AppendAudit(*durable_, audit);
  });
}

absl::StatusOr<std::vector<LimitRecord>> SqliteAccessStore::ListLimits() {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto statement, reader_->Prepare(statements::kListLimits));
  std::vector<LimitRecord> records;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, statement->Step());
    if (!more) return records;
    const LimitKind kind = statement->Text("kind") == "user" ? LimitKind::kUser : LimitKind::kProject;
    records.push_back({{kind, statement->Text("name")}, LimitsIn(*statement)});
  }
}

absl::StatusOr<Use> SqliteAccessStore::UseOf(const LimitSubject& subject) {
  const absl::MutexLock lock(&read_mutex_);
  return FindUse(*reader_, subject);
}

absl::StatusOr<std::vector<UserRecord>> SqliteAccessStore::Users(absl::Time now) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto rows, reader_->Prepare(statements::kListUsers));
  rows->BindInteger(":now", absl::ToUnixNanos(now));
  std::vector<UserRecord> users;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return users;
    UserRecord user = UserIn(*rows);
    ASSIGN_OR_RETURN(user.use, FindUse(*reader_, {LimitKind::kUser, user.name}));
    users.push_back(std::move(user));
  }
}

absl::StatusOr<std::vector<ProjectRecord>> SqliteAccessStore::Projects(absl::Time now) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto rows, reader_->Prepare(statements::kListProjects));
  rows->BindInteger(":now", absl::ToUnixNanos(now));
  std::vector<ProjectRecord> projects;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return projects;
    ProjectRecord project = {.name = rows->Text("name"), .use = {}};
    ASSIGN_OR_RETURN(project.use, FindUse(*reader_, {LimitKind::kProject, project.name}));
    projects.push_back(std::move(project));
  }
}

}  // namespace joinery::storage
