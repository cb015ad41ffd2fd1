#include "storage/sqlite/database.h"

#include <sqlite3.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/error_log.h"

namespace joinery::storage {
namespace {

constexpr int kBusyTimeoutMilliseconds = 10'000;

absl::StatusCode CodeOf(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status ErrorOf(sqlite3* database, int code) {
  CountSqliteError(code);
  const char* file = sqlite3_db_filename(database, "main");
  return {CodeOf(code), absl::StrCat(file == nullptr ? "database" : file, ": ", sqlite3_errmsg(database),
                                     " (SQLite code ", code, ")")};
}

}  // namespace

Statement::~Statement() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

int Statement::Parameter(const char* name) {
  const int index = sqlite3_bind_parameter_index(statement_, name);
  if (index == 0 && bound_.ok()) bound_ = absl::InternalError(absl::StrCat("the statement has no parameter ", name));
  return index;
}

void Statement::Keep(int code) {
  if (code != SQLITE_OK && bound_.ok()) bound_ = ErrorOf(database_, code);
}

Statement& Statement::BindInteger(const char* name, int64_t value) {
  Keep(sqlite3_bind_int64(statement_, Parameter(name), value));
  return *this;
}

Statement& Statement::BindText(const char* name, absl::string_view value) {
  Keep(sqlite3_bind_text64(statement_, Parameter(name), value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::BindBlob(const char* name, absl::string_view value) {
  // A null pointer would be bound as NULL, which an empty message is not.
  const char* data = value.empty() ? "" : value.data();
  Keep(sqlite3_bind_blob64(statement_, Parameter(name), data, value.size(), SQLITE_TRANSIENT));
  return *this;
}

absl::StatusOr<bool> Statement::Step() {
  RETURN_IF_ERROR(bound_);
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return ErrorOf(database_, code);
}

absl::Status Statement::Run() {
  while (true) {
    ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return absl::OkStatus();
  }
}

int Statement::Column(const char* name) const {
  // SQLite may have prepared the statement anew, with other columns.
  const auto known = columns_.find(name);
  if (known != columns_.end() && known->second < sqlite3_column_count(statement_) &&
      std::strcmp(sqlite3_column_name(statement_, known->second), name) == 0) {
    return known->second;
  }
  for (int column = 0; column < sqlite3_column_count(statement_); ++column) {
    if (std::strcmp(sqlite3_column_name(statement_, column), name) == 0) return columns_[name] = column;
  }
  std::abort();
}

bool Statement::IsNull(const char* column) const {
  return sqlite3_column_type(statement_, Column(column)) == SQLITE_NULL;
}

int64_t Statement::Integer(const char* column) const { return sqlite3_column_int64(statement_, Column(column)); }

std::string Statement::Text(const char* column) const { return Blob(column); }

std::string Statement::Blob(const char* column) const {
  const int index = Column(column);
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, index));
  const int size = sqlite3_column_bytes(statement_, index);
  return data == nullptr ? std::string() : std::string(data, static_cast<size_t>(size));
}

void Database::CloseDatabase::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

void Database::FinalizeStatement::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path, Durability durability,
                                                         const std::string& vfs) {
  auto database = std::unique_ptr<Database>(new Database(path));
  sqlite3* handle = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                      vfs.empty() ? nullptr : vfs.c_str());
  database->handle_.reset(handle);
  if (handle == nullptr) return absl::ResourceExhaustedError(absl::StrCat("no memory to open ", path));
  if (code != SQLITE_OK) return base::Annotate(ErrorOf(handle, code), absl::StrCat("cannot open ", path));
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMilliseconds);
  const char* synchronous = durability == Durability::kPowerLoss ? "FULL" : "NORMAL";
  const absl::Status status =
      database->Execute(absl::StrCat("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = "
                                     "OFF; PRAGMA temp_store = MEMORY; PRAGMA synchronous = ",
                                     synchronous));
  if (!status.ok()) return base::Annotate(status, absl::StrCat("cannot open ", path));
  return database;
}

absl::Status Database::Execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : ErrorOf(handle_.get(), code);
}

absl::Status Database::SyncLog() {
  sqlite3_file* log = nullptr;
  int code = sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&log));
  if (code == SQLITE_OK && (log == nullptr || log->pMethods == nullptr)) code = SQLITE_MISUSE;
  if (code == SQLITE_OK) code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
  if (code == SQLITE_OK) return absl::OkStatus();
  CountSqliteError(code);
  return {CodeOf(code),
          absl::StrCat(path_, ": the log cannot be synchronized: ", sqlite3_errstr(code), " (SQLite code ", code, ")")};
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

absl::StatusOr<std::unique_ptr<Statement>> Database::Prepare(const char* sql) {
  Prepared& prepared = statements_[sql];
  if (prepared.statement == nullptr) {
    sqlite3_stmt* made = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    prepared.statement.reset(made);
    if (code != SQLITE_OK) return ErrorOf(handle_.get(), code);
  }
  return std::make_unique<Statement>(handle_.get(), prepared.statement.get(), prepared.columns);
}

}  // namespace joinery::storage
