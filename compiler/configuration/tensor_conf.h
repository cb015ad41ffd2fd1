// TensorConfs: those for one input, made into one, and their values in Joinery's words.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// What src_input_tensors (and input_tensors, its older name) say of the input `name`: of each field the last value, and
// of one without tensor_name before one with.
v1::pulsar::TensorConf SourceTensorConf(const v1::pulsar::PulsarConfiguration& source, const std::string& name);

// The same for dst_input_tensors (and output_tensors, its older name).
v1::pulsar::TensorConf DeployedTensorConf(const v1::pulsar::PulsarConfiguration& source, const std::string& name);

// Refuses, naming the field: a tensor_name that is none of `input_names`, colours and data types this version cannot
// deploy.
absl::Status CheckTensorConfs(const v1::pulsar::PulsarConfiguration& source,
                              const std::vector<std::string>& input_names);

// AUTO gives BGR for 3 channels, GRAY for 1. COLOR_SPACE_UNSPECIFIED for what CheckTensorConfs refuses.
v1::ColorSpace ToColorSpace(v1::pulsar::TensorConf::ColorSpace color_space, int64_t channels);

// The inverse. NONE and UNSPECIFIED give AUTO.
v1::pulsar::TensorConf::ColorSpace FromColorSpace(v1::ColorSpace color_space);

// NATIVE and UNSPECIFIED give NATIVE.
v1::pulsar::TensorConf::TensorLayout FromLayout(v1::Layout layout);

// "RGB", "BGR", "GRAY", "NONE", "UNSPECIFIED".
std::string ColorSpaceName(v1::ColorSpace color_space);

}  // namespace joinery::compiler
