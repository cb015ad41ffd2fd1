#include "storage/sqlite/audit_log.h"

#include <utility>

#include "base/status.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

void BindUnlessEmpty(Statement& statement, const char* name, const std::string& value) {
  if (!value.empty()) statement.BindText(name, value);
}

AuditEntry EntryIn(const Statement& row) {
  return {.number = row.Integer("number"),
          .time = absl::FromUnixNanos(row.Integer("time")),
          .by = {.user = row.Text("user"),
                 .project = row.Text("project"),
                 .token_id = row.Text("token_id"),
                 .peer = row.Text("peer")},
          .action = row.Text("action"),
          .subject = row.Text("subject"),
          .details = row.Text("details")};
}

}  // namespace

absl::Status AppendAudit(Database& database, const AuditEntry& entry) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kInsertAudit));
  return statement->BindInteger(":time", absl::ToUnixNanos(entry.time))
      .BindText(":user", entry.by.user)
      .BindText(":project", entry.by.project)
      .BindText(":token_id", entry.by.token_id)
      .BindText(":peer", entry.by.peer)
      .BindText(":action", entry.action)
      .BindText(":subject", entry.subject)
      .BindText(":details", entry.details)
      .Run();
}

absl::StatusOr<std::unique_ptr<SqliteAuditLog>> SqliteAuditLog::Open(const std::string& path,
                                                                     std::shared_ptr<Writer> writer) {
  auto log = std::unique_ptr<SqliteAuditLog>(new SqliteAuditLog());
  log->writer_ = std::move(writer);
  const absl::MutexLock lock(&log->read_mutex_);
  ASSIGN_OR_RETURN(log->reader_, Database::Open(path, Durability::kProcessCrash, ""));
  RETURN_IF_ERROR(log->reader_->Execute("PRAGMA query_only = ON"));
  return log;
}

absl::StatusOr<std::vector<AuditEntry>> SqliteAuditLog::List(const AuditQuery& query) {
  const absl::MutexLock lock(&read_mutex_);
  ASSIGN_OR_RETURN(const auto rows, reader_->Prepare(statements::kListAudit));
  BindUnlessEmpty(*rows, ":user", query.user);
  BindUnlessEmpty(*rows, ":action", query.action);
  BindUnlessEmpty(*rows, ":subject", query.subject);
  if (query.since.has_value()) rows->BindInteger(":since", absl::ToUnixNanos(*query.since));
  if (query.before > 0) rows->BindInteger(":before", query.before);
  rows->BindInteger(":limit", query.limit);
  std::vector<AuditEntry> entries;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return entries;
    entries.push_back(EntryIn(*rows));
  }
}

absl::StatusOr<int> SqliteAuditLog::DeleteBefore(absl::Time time, int limit) {
  int deleted = 0;
  RETURN_IF_ERROR(writer_->Run(Durability::kProcessCrash, [&](Database& database) -> absl::Status {
    deleted = 0;
    ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kDeleteOldAudit));
    rows->BindInteger(":time", absl::ToUnixNanos(time)).BindInteger(":limit", limit);
    while (true) {
      ASSIGN_OR_RETURN(const bool more, rows->Step());
      if (!more) return absl::OkStatus();
      ++deleted;
    }
  }));
  return deleted;
}

}  // namespace joinery::storage
