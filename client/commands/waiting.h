// Waiting for a job, with its progress shown.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/commands/invocation.h"

namespace joinery::client {

// Shows the job's progress until it is final, or until `timeout` ("" for none; Origin::kWaitTimedOut). If it failed,
// the end of its log goes to stderr.
absl::StatusOr<v1::Job> WaitForJob(Invocation& invocation, const std::string& id, const std::string& timeout);

// The same for each of `jobs`; `timeout` is for all of them together. The jobs as they ended, in this order.
absl::StatusOr<std::vector<v1::Job>> WaitForJobs(Invocation& invocation, const std::vector<v1::Job>& jobs,
                                                 const std::string& timeout);

// The moment `timeout` from now; never if it is empty.
absl::StatusOr<absl::Time> WaitDeadline(const std::string& timeout);

// What the event means for the progress display.
void ShowEvent(const v1::JobEvent& event, ProgressDisplay& progress);

// `status`, and if that means that the job goes on, its id on stdout: nobody should submit again for want of it.
absl::Status PrintIdIfAlive(Invocation& invocation, const absl::Status& status);

}  // namespace joinery::client
