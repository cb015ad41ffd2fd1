// Sizes as people write them: "8GiB", "512MiB", "1000000", "20 GB".
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::worker {

// Bytes. A number, whole or with a decimal point, and after it nothing, B, KiB, MiB, GiB, TiB (powers of 1024) or kB,
// MB, GB, TB (powers of 1000); K, M, G, T alone mean powers of 1024. Capitals do not matter.
// Errors: kInvalidArgument for anything else, for what is negative, and for what does not fit.
absl::StatusOr<int64_t> ParseByteSize(absl::string_view text);

}  // namespace joinery::worker
