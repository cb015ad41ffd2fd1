// input_conf_items: which inputs an item is for, and its steps in Joinery's words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// For each of `names`, whether `selector` is about it; see TranslatePulsar. kInvalidArgument, beginning with `path`, if
// the selector is malformed or is about none of them.
absl::StatusOr<std::vector<bool>> SelectInputs(const v1::pulsar::Selector& selector,
                                               const std::vector<std::string>& names, absl::string_view path);

// Divisors are divided by. Each list has to have one value or `channels` (0: not known, one value only), all finite, no
// divisor and no std 0; a missing list is 1 (slope, divisors, std) or 0 (bias, mean). kInvalidArgument names the field,
// whose block is at `path`.
absl::StatusOr<v1::PreprocessingStep> ToPreprocessingStep(const v1::pulsar::Modification& modification,
                                                          int64_t channels, absl::string_view path);

// y = (x - mean) / std, by the same rules. Errors name the field as `path` with "mean" or "std" behind it.
absl::StatusOr<v1::PreprocessingStep> ToNormalization(const google::protobuf::RepeatedField<float>& mean,
                                                      const google::protobuf::RepeatedField<float>& std,
                                                      int64_t channels, absl::string_view path);

v1::pulsar::Modification FromPreprocessingStep(const v1::PreprocessingStep& step);

}  // namespace joinery::compiler
