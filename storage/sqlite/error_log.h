// What SQLite itself reports: errors of the disk, of full disks, of damage, each with its place.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::storage {

// Told of each report: SQLite's name of the result code, such as "IOERR", and what it says. Thread-safe; must not call
// SQLite.
using SqliteErrorSink = std::function<void(absl::string_view code, absl::string_view message)>;

// Begins to count, and to tell `sink`, which may be empty; for the whole process, once, before the first database is
// opened. Errors: kFailedPrecondition it is too late.
absl::Status WatchSqliteErrors(SqliteErrorSink sink);

// How often which was reported; all codes that count are there. Notices, changed schemas and violated constraints,
// which are a statement's ordinary answers, do not count.
std::map<std::string, int64_t> SqliteErrorCounts();

}  // namespace joinery::storage
