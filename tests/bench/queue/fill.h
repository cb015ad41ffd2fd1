// A data folder that looks as after years of use.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace joinery::bench {

// Puts finished jobs with their histories, and queued jobs that ask for the label "absent", of ten users, into the
// database in `folder`, which no server may have open.
absl::Status Fill(const std::string& folder, int finished, int queued);

}  // namespace joinery::bench
