// What jobs ask of workers, and whether a worker has it.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::storage {

bool Satisfies(const v1::Capabilities& capabilities, const v1::Requirements& requirements);

// Why none of the live workers could take a job with these requirements, as a sentence; empty if one could.
std::string WhyNobodyCan(absl::Span<const v1::Capabilities> live_workers, const v1::Requirements& requirements);

}  // namespace joinery::storage
