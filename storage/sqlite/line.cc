#include "storage/sqlite/line.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/quotas.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// Empty if the subject may have more running jobs than it has.
absl::StatusOr<std::string> WhyFull(Database& database, const LimitSubject& subject, int64_t running,
                                    const std::optional<int64_t>& default_limit) {
  ASSIGN_OR_RETURN(const Limits limits, FindLimits(database, subject));
  const std::optional<int64_t> limit = limits.running_jobs.has_value() ? limits.running_jobs : default_limit;
  if (!limit.has_value() || running < *limit) return "";
  return absl::StrCat(NameOf(subject.kind), " ", subject.name, " has ", running, " jobs running, the limit is ",
                      *limit);
}

absl::StatusOr<std::string> WhyNotYet(Database& database, const Statement& row, const QueueLimits& limits,
                                      const Moment& now) {
  if (const std::string reason = row.Text("waiting_reason"); !reason.empty()) return reason;
  if (const absl::Duration rest = absl::Nanoseconds(row.Integer("not_before") - now.queue);
      rest > absl::ZeroDuration()) {
    return absl::StrCat("rests for ", absl::FormatDuration(absl::Ceil(rest, absl::Seconds(1))),
                        " after an attempt that failed");
  }
  std::optional<int64_t> user_default;
  if (limits.max_running_per_user > 0) user_default = limits.max_running_per_user;
  ASSIGN_OR_RETURN(std::string full,
                   WhyFull(database, {LimitKind::kUser, row.Text("user")}, row.Integer("user_running"), user_default));
  if (!full.empty()) return full;
  ASSIGN_OR_RETURN(full, WhyFull(database, {LimitKind::kProject, row.Text("project")}, row.Integer("project_running"),
                                 std::nullopt));
  return full.empty() ? "waits for a worker to be free" : full;
}

}  // namespace

absl::StatusOr<std::vector<JobInLine>> ListInLine(Database& database, int limit, const QueueLimits& limits,
                                                  const Moment& now) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListInLine));
  rows->BindInteger(":limit", limit);
  std::vector<JobInLine> line;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, rows->Step());
    if (!more) return line;
    v1::JobOptions options;
    if (!options.ParseFromString(rows->Blob("options"))) {
      return absl::DataLossError(absl::StrCat("job ", rows->Text("id"), ": options are damaged"));
    }
    ASSIGN_OR_RETURN(std::string reason, WhyNotYet(database, *rows, limits, now));
    line.push_back({.id = rows->Text("id"),
                    .user = rows->Text("user"),
                    .project = rows->Text("project"),
                    .created_at = absl::FromUnixNanos(rows->Integer("created_at")),
                    .priority = options.priority(),
                    .reason = std::move(reason)});
  }
}

absl::StatusOr<bool> ReadServerDrain(Database& database) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kGetServerDrain));
  RETURN_IF_ERROR(row->Step().status());
  return row->Integer("drained") != 0;
}

}  // namespace joinery::storage
