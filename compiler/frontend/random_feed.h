// Inputs for a model that nobody gave any.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/execution/executor.h"

namespace joinery::compiler {

// A tensor for each of `specs`: floats normally distributed around 0 with deviation 1, whole numbers 0 to 3, booleans
// either. The same seed gives the same values on every machine.
// Errors: kInvalidArgument if a shape is not fixed; kUnimplemented for element types that are none of these.
absl::StatusOr<std::vector<Tensor>> RandomFeed(absl::Span<const TensorSpec> specs, uint64_t seed);

}  // namespace joinery::compiler
