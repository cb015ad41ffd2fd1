#include "client/job_reference.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"

namespace joinery::client {
namespace {

constexpr int64_t kMaxIdSize = 1024;
constexpr int kPageSize = 1000;
constexpr size_t kShownCandidates = 4;

absl::StatusOr<std::string> LastJob(const std::string& state_folder) {
  const absl::StatusOr<std::string> text = base::ReadFile(absl::StrCat(state_folder, "/last_job"), kMaxIdSize);
  std::string id = text.ok() ? std::string(absl::StripAsciiWhitespace(*text)) : "";
  if (id.empty()) {
    return WithFix(absl::NotFoundError("no job was submitted from here yet: @last means nothing"),
                   "name the job by its id: joinery jobs list");
  }
  return id;
}

// Of the jobs whose ids begin with `prefix`, up to kShownCandidates.
absl::StatusOr<std::vector<v1::Job>> FindByPrefix(Session& session, const std::string& prefix) {
  std::vector<v1::Job> found;
  v1::ListJobsRequest request;
  request.set_page_size(kPageSize);
  do {
    ASSIGN_OR_RETURN(const v1::ListJobsResponse page, session.ListJobs(request));
    for (const v1::Job& job : page.jobs()) {
      if (absl::StartsWith(job.id(), prefix)) found.push_back(job);
      if (found.size() == kShownCandidates) return found;
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return found;
}

absl::StatusOr<std::vector<v1::Job>> JobsOfArray(Session& session, const std::string& array_id) {
  std::vector<v1::Job> jobs;
  v1::ListJobsRequest request;
  request.set_page_size(kPageSize);
  request.set_array_id(array_id);
  do {
    ASSIGN_OR_RETURN(const v1::ListJobsResponse page, session.ListJobs(request));
    jobs.insert(jobs.end(), page.jobs().begin(), page.jobs().end());
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  if (jobs.empty()) {
    return WithFix(absl::NotFoundError(absl::StrCat("there is no job array ", array_id)),
                   "see which jobs there are: joinery jobs list");
  }
  std::reverse(jobs.begin(), jobs.end());  // Lists have the newest first.
  return jobs;
}

}  // namespace

absl::Status RememberLastJob(const std::string& state_folder, const std::string& id) {
  if (state_folder.empty()) return absl::OkStatus();
  std::error_code error;
  std::filesystem::create_directories(state_folder, error);
  if (error) return LocalIo(base::ErrnoStatus(error.value(), absl::StrCat("cannot make the folder ", state_folder)));
  return LocalIo(base::WriteFileAtomically(absl::StrCat(state_folder, "/last_job"), absl::StrCat(id, "\n")));
}

absl::StatusOr<v1::Job> FindJob(Session& session, const std::string& reference, const std::string& state_folder) {
  if (reference == kLastJob) {
    ASSIGN_OR_RETURN(const std::string id, LastJob(state_folder));
    return session.GetJob(id);
  }
  if (reference.empty()) return absl::InvalidArgumentError("the job's id is empty");
  absl::StatusOr<v1::Job> job = session.GetJob(reference);
  // A server may find the beginning of an id malformed.
  if (job.ok() || (!absl::IsNotFound(job.status()) && !absl::IsInvalidArgument(job.status()))) return job;
  ASSIGN_OR_RETURN(const std::vector<v1::Job> found, FindByPrefix(session, reference));
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return WithFix(absl::NotFoundError(absl::StrCat("there is no job ", reference)),
                   "see which there are: joinery jobs list");
  }
  const std::string candidates = absl::StrJoin(
      found, ", ", [](std::string* out, const v1::Job& candidate) { absl::StrAppend(out, candidate.id()); });
  return WithFix(absl::InvalidArgumentError(absl::StrCat("several jobs begin with ", reference)),
                 absl::StrCat("give more of the id: ", candidates, found.size() == kShownCandidates ? ", ..." : ""));
}

absl::StatusOr<std::vector<v1::Job>> FindJobs(Session& session, const std::string& reference,
                                              const std::string& state_folder) {
  std::string id = reference;
  if (reference == kLastJob) {
    ASSIGN_OR_RETURN(id, LastJob(state_folder));
  }
  // No job's id has a hyphen.
  if (absl::StartsWith(id, "a-")) return JobsOfArray(session, id);
  ASSIGN_OR_RETURN(v1::Job job, FindJob(session, id, state_folder));
  return std::vector<v1::Job>{std::move(job)};
}

}  // namespace joinery::client
