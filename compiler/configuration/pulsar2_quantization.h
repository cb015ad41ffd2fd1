// quant of a `pulsar2 build` configuration: the vendor's algorithms, and the formats of layers, in Joinery's words.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {

// joinery_conf beats quant where both say something of an algorithm; layers of quant come first. `warnings` gets a
// sentence for each algorithm of the vendor's that another one stands in for.
// Errors: kInvalidArgument, beginning with the path of the field at fault.
absl::StatusOr<v1::Quantization> TranslatePulsar2Quantization(const v1::pulsar2::BuildConfig& source,
                                                              std::vector<std::string>& warnings);

}  // namespace joinery::compiler
