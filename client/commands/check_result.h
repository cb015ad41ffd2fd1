// What checks found.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/commands/invocation.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::client {

// Prints what the checks `jobs`, which succeeded, found, as one table or JSON document, and writes it as JSON to the
// file `report` unless that is empty. OK if all fit; else Origin::kNeedsCpu or Origin::kImpossible.
absl::Status ShowChecks(Invocation& invocation, const std::vector<v1::Job>& jobs, const std::string& report);

}  // namespace joinery::client
