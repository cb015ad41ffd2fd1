// What this machine has for one job.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "joinery/v1/jobs.pb.h"

namespace joinery::worker {

// CPUs of this machine; its memory, or `memory_limit_bytes` if that is less (0: no limit).
v1::Capabilities DetectCapabilities(int64_t memory_limit_bytes, const std::vector<std::string>& labels);

}  // namespace joinery::worker
