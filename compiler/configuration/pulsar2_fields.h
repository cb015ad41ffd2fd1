// Which fields of a `pulsar2 build` configuration this version acts on; as pulsar_fields.h.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {

// Whether the field at `path` ("quant.input_configs.calibration_size", without indices) changes what is built, or asks
// for what is done anyway.
bool IsActedOnInPulsar2(absl::string_view path);

// See DescribeIgnored.
std::vector<std::string> DescribeIgnoredPulsar2Fields(const v1::pulsar2::BuildConfig& configuration);

}  // namespace joinery::compiler
