// Work on samples in threads, with a result that does not depend on how many there are.
#pragma once

#include <cstddef>
#include <functional>

#include "absl/status/status.h"

namespace joinery::compiler {

// Calls `work` with 0 to num_samples - 1 from at most `threads` threads, several at once. Returns the error of the
// first sample that has one; what comes after it may not have been worked on.
absl::Status ForEachSample(size_t num_samples, int threads, const std::function<absl::Status(size_t sample)>& work);

}  // namespace joinery::compiler
