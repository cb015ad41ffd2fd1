#include "tests/bench/queue/fill.h"

#include <sqlite3.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/status.h"
#include "storage/random_source.h"
#include "storage/sqlite/job_store.h"

namespace joinery::bench {
namespace {

storage::Submission Template(const std::string& name) {
  storage::Submission submission = {.spec = {}, .request_id = name};
  submission.spec.mutable_build()->set_configuration(std::string(500, '#'));
  submission.spec.mutable_build()->set_model_name(name);
  return submission;
}

// One finished job and one queued job, by the rules.
absl::Status MakeTemplates(const std::string& path) {
  const base::RealClock clock;
  ASSIGN_OR_RETURN(const auto store,
                   storage::SqliteJobStore::Open({.path = path, .restart_grace = absl::Seconds(15), .vfs = ""}, clock,
                                                 storage::SystemRandomBytes));
  RETURN_IF_ERROR(store->Enqueue(Template("finished")).status());
  ASSIGN_OR_RETURN(const auto lease, store->Claim({"past", "0"}, absl::Seconds(15)));
  v1::JobResult result;
  result.mutable_artifact()->set_digest(std::string(64, 'a'));
  result.mutable_report()->set_digest(std::string(64, 'b'));
  RETURN_IF_ERROR(store->Finish(lease->token, result, {}, 0).status());
  storage::Submission queued = Template("queued");
  queued.options.mutable_requirements()->add_labels("absent");
  return store->Enqueue(queued).status();
}

absl::Status Execute(sqlite3* database, const std::string& sql) {
  char* message = nullptr;
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message) == SQLITE_OK) return absl::OkStatus();
  absl::Status status = absl::InternalError(absl::StrCat(message, ": ", sql));
  sqlite3_free(message);
  return status;
}

std::vector<std::string> ColumnsOfJobs(sqlite3* database) {
  std::vector<std::string> columns;
  sqlite3_exec(
      database, "SELECT name FROM pragma_table_info('jobs')",
      [](void* out, int, char** values, char**) {
        static_cast<std::vector<std::string>*>(out)->emplace_back(values[0]);
        return 0;
      },
      &columns, nullptr);
  return columns;
}

// `count` rows like job number `number`, numbered from `first` on, with the histories of its like.
absl::Status Multiply(sqlite3* database, int number, int first, int count) {
  const std::vector<std::string> columns = ColumnsOfJobs(database);
  std::vector<std::string> values;
  values.reserve(columns.size());
  for (const std::string& column : columns) {
    if (column == "number") {
      values.push_back(absl::StrCat(first, " + i"));
    } else if (column == "id" || column == "request_id") {
      values.push_back(absl::StrCat("'filled ' || (", first, " + i)"));
    } else if (column == "user") {
      values.emplace_back("'user ' || (i % 10)");
    } else {
      values.push_back(column);
    }
  }
  const std::string series = absl::StrCat(
      "WITH RECURSIVE series (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM series "
      "WHERE i + 1 < ",
      count, ") ");
  RETURN_IF_ERROR(
      Execute(database, absl::StrCat(series, "INSERT INTO jobs (", absl::StrJoin(columns, ","), ") SELECT ",
                                     absl::StrJoin(values, ","), " FROM jobs, series WHERE number = ", number)));
  return Execute(database, absl::StrCat(series, "INSERT INTO events SELECT ", first,
                                        " + i, sequence, event FROM events, series WHERE job = ", number));
}

}  // namespace

absl::Status Fill(const std::string& folder, int finished, int queued) {
  const std::string path = folder + "/joinery.db";
  RETURN_IF_ERROR(MakeTemplates(path));
  sqlite3* database = nullptr;
  const int code = sqlite3_open(path.c_str(), &database);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> closer(database, sqlite3_close);
  if (code != SQLITE_OK) return absl::InternalError(absl::StrCat("cannot open ", path));
  RETURN_IF_ERROR(Execute(database, "BEGIN"));
  if (finished > 0) RETURN_IF_ERROR(Multiply(database, 1, 1000, finished));
  if (queued > 0) RETURN_IF_ERROR(Multiply(database, 2, 1000 + finished, queued));
  return Execute(database, "COMMIT");
}

}  // namespace joinery::bench
