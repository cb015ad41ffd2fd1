#include "tests/bench/queue/reference.h"

#include <sqlite3.h>

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace joinery::bench {
namespace {

bool Execute(sqlite3* database, const std::string& sql) {
  return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
}

}  // namespace

bool MeasureBareCommits(const std::string& folder, int commits, int rows, Figures& figures) {
  const std::string path = absl::StrCat(folder, "/reference-", rows, ".db");
  sqlite3* opened = nullptr;
  const int code = sqlite3_open(path.c_str(), &opened);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(opened, sqlite3_close);
  if (code != SQLITE_OK) return false;
  if (!Execute(opened, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE bare (bytes BLOB)")) {
    return false;
  }
  const std::string inserts =
      absl::StrCat("WITH RECURSIVE series (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM series WHERE i < ", rows,
                   ") INSERT INTO bare SELECT zeroblob(1000) FROM series");
  for (int i = 0; i < commits; ++i) {
    const absl::Time begin = absl::Now();
    if (!Execute(opened, inserts)) return false;
    figures.Add(absl::Now() - begin);
  }
  return true;
}

}  // namespace joinery::bench
