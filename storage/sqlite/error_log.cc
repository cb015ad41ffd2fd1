#include "storage/sqlite/error_log.h"

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <utility>

namespace joinery::storage {
namespace {

struct Code {
  int code;
  const char* name;
};
// The last stands for all others.
constexpr std::array<Code, 11> kCodes = {{{SQLITE_BUSY, "BUSY"},
                                          {SQLITE_LOCKED, "LOCKED"},
                                          {SQLITE_NOMEM, "NOMEM"},
                                          {SQLITE_READONLY, "READONLY"},
                                          {SQLITE_IOERR, "IOERR"},
                                          {SQLITE_CORRUPT, "CORRUPT"},
                                          {SQLITE_FULL, "FULL"},
                                          {SQLITE_CANTOPEN, "CANTOPEN"},
                                          {SQLITE_NOTADB, "NOTADB"},
                                          {SQLITE_MISUSE, "MISUSE"},
                                          {SQLITE_ERROR, "ERROR"}}};

struct ErrorLog {
  std::array<std::atomic<int64_t>, kCodes.size()> counts{};
  SqliteErrorSink sink;
};

ErrorLog& TheErrorLog() {
  // Never destroyed: SQLite may report until the very end.
  static auto* const log = new ErrorLog;
  return *log;
}

bool IsOrdinary(int code) {
  return code == SQLITE_NOTICE || code == SQLITE_WARNING || code == SQLITE_SCHEMA || code == SQLITE_CONSTRAINT ||
         code == SQLITE_OK;
}

// Of an extended code, too.
size_t IndexOf(int code) {
  size_t index = 0;
  while (index + 1 < kCodes.size() && kCodes[index].code != (code & 0xff)) ++index;
  return index;
}

void Report(void* /*context*/, int code, const char* message) {
  const ErrorLog& log = TheErrorLog();
  if (!IsOrdinary(code & 0xff) && log.sink) log.sink(kCodes[IndexOf(code)].name, message);
}

}  // namespace

void CountSqliteError(int code) {
  if (!IsOrdinary(code & 0xff)) TheErrorLog().counts[IndexOf(code)].fetch_add(1, std::memory_order_relaxed);
}

absl::Status WatchSqliteErrors(SqliteErrorSink sink) {
  TheErrorLog().sink = std::move(sink);
  // Nobody asks how much memory SQLite has, and to count it takes a mutex that all connections share.
  if (sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK) {
    return absl::FailedPreconditionError("SQLite was used before it was set up");
  }
  // The interface of this setting is C's: a pointer to the function, and one for it.
  if (sqlite3_config(SQLITE_CONFIG_LOG, &Report, nullptr) == SQLITE_OK) return absl::OkStatus();
  return absl::FailedPreconditionError("SQLite was used before its errors were watched");
}

std::map<std::string, int64_t> SqliteErrorCounts() {
  std::map<std::string, int64_t> counts;
  for (size_t i = 0; i < kCodes.size(); ++i) {
    counts[kCodes[i].name] = TheErrorLog().counts[i].load(std::memory_order_relaxed);
  }
  return counts;
}

}  // namespace joinery::storage
