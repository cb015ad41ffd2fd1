// SQLite with statuses instead of codes. A Database is one connection; it and its statements may be used by one thread
// at a time. Errors: kUnavailable locked by another process · kResourceExhausted no room · kDataLoss damaged, or not a
// database · kPermissionDenied · kInternal anything else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace joinery::storage {

// One run of a prepared statement: bind, step, read; made ready for the next when it goes. Parameters and columns have
// the names that the SQL gives them; a name that it does not have is a mistake of ours and kInternal, or ends the
// program in the case of a column.
class Statement {
 public:
  // Where the columns were found before, by the address of their names. SQLite compares names one by one, which for a
  // row of a job took as long as to read it.
  using Columns = std::unordered_map<const char*, int>;

  Statement(sqlite3* database, sqlite3_stmt* statement, Columns& columns)
      : database_(database), statement_(statement), columns_(columns) {}
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // An error shows at the first Step. What is not bound is NULL.
  Statement& BindInteger(const char* name, int64_t value);
  Statement& BindText(const char* name, absl::string_view value);
  Statement& BindBlob(const char* name, absl::string_view value);

  // To the next row; false if there is none.
  absl::StatusOr<bool> Step();
  // To the end, whatever the rows are.
  absl::Status Run();

  // Of the current row.
  bool IsNull(const char* column) const;
  int64_t Integer(const char* column) const;
  std::string Text(const char* column) const;
  std::string Blob(const char* column) const;

 private:
  int Parameter(const char* name);
  int Column(const char* name) const;
  void Keep(int code);

  sqlite3* const database_;
  sqlite3_stmt* const statement_;
  Columns& columns_;
  absl::Status bound_;
};

// Whether a commit waits until a power loss cannot undo it, or only until a crash of the process cannot.
enum class Durability { kPowerLoss, kProcessCrash };

class Database {
 public:
  // Opens or creates the file; in WAL mode, with foreign keys. `vfs` is SQLite's name for the way to the disk; empty
  // for its own.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path, Durability durability,
                                                        const std::string& vfs);

  // Any number of statements without parameters.
  absl::Status Execute(const std::string& sql);

  // Waits until a power loss cannot undo what was committed before, by whichever connection, if the file is in WAL
  // mode.
  absl::Status SyncLog();

  // Prepared once for each `sql`, which must be a constant: it is told by its address. Only one Statement of the same
  // sql may exist at a time.
  absl::StatusOr<std::unique_ptr<Statement>> Prepare(const char* sql);

  // False before BEGIN, after COMMIT, and after an error upon which SQLite has rolled back by itself.
  bool in_transaction() const;

  const std::string& path() const { return path_; }

 private:
  struct CloseDatabase {
    void operator()(sqlite3* database) const;
  };
  struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const;
  };

  struct Prepared {
    std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement;
    Statement::Columns columns;
  };

  explicit Database(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  std::unique_ptr<sqlite3, CloseDatabase> handle_;
  std::unordered_map<const char*, Prepared> statements_;
};

// Calls `body`, which returns a Status or StatusOr, in a transaction that takes the right to write at once. Commits if
// it succeeds; else, or if that fails, nothing of it happened.
template <typename Body>
auto InTransaction(Database& database, const Body& body) -> decltype(body()) {
  if (absl::Status begun = database.Execute("BEGIN IMMEDIATE"); !begun.ok()) return begun;
  auto result = body();
  absl::Status status = result.ok() ? database.Execute("COMMIT") : absl::OkStatus();
  if (result.ok() && status.ok()) return result;
  // SQLite may have rolled back by itself already; then this has nothing to do and its error means nothing.
  database.Execute("ROLLBACK").IgnoreError();
  if (!status.ok()) return status;
  return result;
}

}  // namespace joinery::storage
