// How people name jobs: by id, by the beginning of one, or as the last they submitted.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/session.h"

namespace joinery::client {

inline constexpr char kLastJob[] = "@last";

// `id` is what kLastJob means from now on: in the file last_job in `state_folder` (made if need be), or nowhere if that
// is empty.
absl::Status RememberLastJob(const std::string& state_folder, const std::string& id);

// The job that `reference` names: an id, a beginning that only one id has, or kLastJob. kNotFound if there is none,
// kInvalidArgument if there are several.
absl::StatusOr<v1::Job> FindJob(Session& session, const std::string& reference, const std::string& state_folder);

// The same, but `reference` may also name a job array (its id, or kLastJob if that was the last submission): its jobs,
// in the order of submission.
absl::StatusOr<std::vector<v1::Job>> FindJobs(Session& session, const std::string& reference,
                                              const std::string& state_folder);

}  // namespace joinery::client
