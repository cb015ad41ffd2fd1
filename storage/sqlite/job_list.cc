#include "storage/sqlite/job_list.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/job_row.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// A page of jobs stays below what a gRPC client takes by default (4 MiB); a job's configuration may have 1 MiB.
constexpr size_t kMaxPageBytes = size_t{2} << 20;

struct NumberedJob {
  int64_t number = 0;
  v1::Job job;
};

// The newest that a query has; more is true if it has others.
struct Newest {
  std::vector<NumberedJob> jobs;
  bool more = false;
};

// A page's token is the number of its last job.
absl::StatusOr<int64_t> ParsePageToken(const std::string& token) {
  if (token.empty()) return std::numeric_limits<int64_t>::max();
  int64_t number = 0;
  if (absl::SimpleAtoi(token, &number) && number > 0) return number;
  return absl::InvalidArgumentError("page_token is not one that an earlier answer gave");
}

// Each has an index of its own, so that no list looks through all jobs ever run.
const char* StatementFor(const JobQuery& query, v1::JobState state) {
  if (!query.array_id.empty()) return statements::kListArrayJobs;
  if (state == v1::JOB_STATE_UNSPECIFIED) {
    return query.project.empty() ? statements::kListJobs : statements::kListProjectJobs;
  }
  return query.project.empty() ? statements::kListJobsInState : statements::kListProjectJobsInState;
}

void Bind(const JobQuery& query, v1::JobState state, Statement& statement) {
  if (!query.array_id.empty()) {
    statement.BindText(":array_id", query.array_id);
    return;
  }
  if (!query.user.empty()) statement.BindText(":user", query.user);
  if (!query.project.empty()) statement.BindText(":project", query.project);
  if (state != v1::JOB_STATE_UNSPECIFIED) statement.BindText(":state", StateName(state));
}

// What the statement for an array does not ask for itself.
bool IsWanted(const JobQuery& query, const v1::Job& job) {
  const bool in_state =
      query.states.empty() || std::find(query.states.begin(), query.states.end(), job.state()) != query.states.end();
  return in_state && (query.project.empty() || job.project() == query.project) &&
         (query.user.empty() || job.user() == query.user);
}

absl::StatusOr<Newest> ReadNewest(Database& database, const JobQuery& query, v1::JobState state, int64_t before) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(StatementFor(query, state)));
  Bind(query, state, *rows);
  // Of an array any number may be unwanted.
  const bool all = !query.array_id.empty();
  rows->BindInteger(":before", before).BindInteger(":limit", all ? -1 : int64_t{query.page_size} + 1);
  Newest newest;
  size_t bytes = 0;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return newest;
    ASSIGN_OR_RETURN(v1::Job job, JobOfRow(*rows));
    if (!IsWanted(query, job)) continue;
    bytes += job.ByteSizeLong();
    newest.more =
        static_cast<int>(newest.jobs.size()) == query.page_size || (bytes > kMaxPageBytes && !newest.jobs.empty());
    if (newest.more) return newest;
    newest.jobs.push_back({rows->Integer("number"), std::move(job)});
  }
}

JobPage MakePage(Newest newest, int page_size) {
  std::sort(newest.jobs.begin(), newest.jobs.end(),
            [](const NumberedJob& left, const NumberedJob& right) { return left.number > right.number; });
  JobPage page;
  size_t bytes = 0;
  int64_t last = 0;
  for (NumberedJob& next : newest.jobs) {
    bytes += next.job.ByteSizeLong();
    const bool full = static_cast<int>(page.jobs.size()) == page_size || bytes > kMaxPageBytes;
    if (full && !page.jobs.empty()) {
      newest.more = true;
      break;
    }
    last = next.number;
    page.jobs.push_back(std::move(next.job));
  }
  if (newest.more) page.next_page_token = absl::StrCat(last);
  return page;
}

}  // namespace

absl::StatusOr<JobPage> ListJobs(Database& database, const JobQuery& query) {
  ASSIGN_OR_RETURN(const int64_t before, ParsePageToken(query.page_token));
  std::vector<v1::JobState> states = query.states;
  if (states.empty() || !query.array_id.empty()) states = {v1::JOB_STATE_UNSPECIFIED};
  std::sort(states.begin(), states.end());
  states.erase(std::unique(states.begin(), states.end()), states.end());
  Newest all;
  for (const v1::JobState state : states) {
    ASSIGN_OR_RETURN(Newest newest, ReadNewest(database, query, state, before));
    all.more = all.more || newest.more;
    all.jobs.insert(all.jobs.end(), std::make_move_iterator(newest.jobs.begin()),
                    std::make_move_iterator(newest.jobs.end()));
  }
  return MakePage(std::move(all), query.page_size);
}

}  // namespace joinery::storage
