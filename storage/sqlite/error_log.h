// Errors of SQLite: how many of which, and its own log, which tells of the place.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::storage {

// Told of each line of SQLite's log that is about an error: SQLite's name of the result code, such as "IOERR", and what
// it says. Thread-safe; must not call SQLite.
using SqliteErrorSink = std::function<void(absl::string_view code, absl::string_view message)>;

// Begins to tell `sink`; for the whole process, once, before the first database is opened.
// Errors: kFailedPrecondition it is too late.
absl::Status WatchSqliteErrors(SqliteErrorSink sink);

// For Database: a call ended with this result code. Violated constraints, which are a statement's ordinary answers, do
// not count. Thread-safe.
void CountSqliteError(int code);

// How often which came; all codes that are told apart are there. Thread-safe.
std::map<std::string, int64_t> SqliteErrorCounts();

}  // namespace joinery::storage
