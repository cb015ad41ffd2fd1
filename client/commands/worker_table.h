// Workers for people and programs.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "client/commands/invocation.h"
#include "joinery/v1/workers.pb.h"

namespace joinery::client {

// As a table, or with --json as a list.
absl::Status PrintWorkers(Invocation& invocation, const std::vector<v1::Worker>& workers);

}  // namespace joinery::client
