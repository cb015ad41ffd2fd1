#include "storage/sqlite/access_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

const char* NameOf(LimitKind kind) { return kind == LimitKind::kUser ? "user" : "project"; }

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

std::optional<int64_t> LimitIn(const Statement& row, const char* column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Integer(column);
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

Limits LimitsIn(const Statement& row) {
  return {.blob_bytes = LimitIn(row, "blob_bytes"),
          .queued_jobs = LimitIn(row, "queued_jobs"),
          .running_jobs = LimitIn(row, "running_jobs")};
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

absl::Status SqliteAccessStore::AddToken(const TokenRecord& token, const std::string& secret_digest) {
  const absl::MutexLock lock(&write_mutex_);
  ASSIGN_OR_RETURN(const auto statement, durable_->Prepare(statements::kInsertToken));
  statement->BindText(":secret_digest", secret_digest)
      .BindText(":id", token.id)
      .BindText(":user", token.user)
      .BindText(":project", token.project)
      .BindText(":note", token.note)
      .BindInteger(":may_submit", token.may_submit ? 1 : 0)
      .BindInteger(":may_work", token.may_work ? 1 : 0)
      .BindInteger(":may_admin", token.may_admin ? 1 : 0)
      .BindInteger(":created_at", absl::ToUnixNanos(token.created_at))
      .BindText(":created_by", token.created_by);
  BindTime(*statement, ":expires_at", token.expires_at);
  ASSIGN_OR_RETURN(const bool added, statement->Step());
  if (!added) return absl::AlreadyExistsError(absl::StrCat("there is a token ", token.id, " already"));
  return statement->Run();
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

absl::StatusOr<TokenRecord> SqliteAccessStore::RevokeToken(const std::string& id, absl::Time now) {
  const absl::MutexLock lock(&write_mutex_);
  ASSIGN_OR_RETURN(const auto statement, durable_->Prepare(statements::kRevokeToken));
  statement->BindText(":id", id).BindInteger(":now", absl::ToUnixNanos(now));
  ASSIGN_OR_RETURN(const bool found, statement->Step());
  if (!found) return absl::NotFoundError(absl::StrCat("there is no token ", id));
  TokenRecord token = TokenIn(*statement);
  RETURN_IF_ERROR(statement->Run());
  return token;
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
  ASSIGN_OR_RETURN(const auto statement, reader_->Prepare(statements::kFindLimits));
  statement->BindText(":kind", NameOf(subject.kind)).BindText(":name", subject.name);
  Limits limits;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, statement->Step());
    if (!more) return limits;
    const Limits row = LimitsIn(*statement);
    if (!limits.blob_bytes.has_value()) limits.blob_bytes = row.blob_bytes;
    if (!limits.queued_jobs.has_value()) limits.queued_jobs = row.queued_jobs;
    if (!limits.running_jobs.has_value()) limits.running_jobs = row.running_jobs;
  }
}

absl::Status SqliteAccessStore::SetLimits(const LimitSubject& subject, const Limits& limits) {
  const absl::MutexLock lock(&write_mutex_);
  ASSIGN_OR_RETURN(const auto statement, durable_->Prepare(statements::kSetLimits));
  statement->BindText(":kind", NameOf(subject.kind)).BindText(":name", subject.name);
  BindLimit(*statement, ":blob_bytes", limits.blob_bytes);
  BindLimit(*statement, ":queued_jobs", limits.queued_jobs);
  BindLimit(*statement, ":running_jobs", limits.running_jobs);
  return statement->Run();
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

}  // namespace joinery::storage
