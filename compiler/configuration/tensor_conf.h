// TensorConfs: those for one input, made into one, and their values in Joinery's words.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// What src_input_tensors (and input_tensors, its older name) say of the input `name`: of each field the last value, and
// of one without tensor_name before one with.
v1::pulsar::TensorConf SourceTensorConf(const v1::pulsar::PulsarConfiguration& source, const std::string& name);

// The same for dst_input_tensors (and output_tensors, its older name).
v1::pulsar::TensorConf DeployedTensorConf(const v1::pulsar::PulsarConfiguration& source, const std::string& name);

// Of `confs`, which are about outputs, what they say of the output `name`; of all, where it is empty.
v1::pulsar::TensorConf OutputTensorConf(const google::protobuf::RepeatedPtrField<v1::pulsar::TensorConf>& confs,
                                        const std::string& name);

// Refuses, naming the field: a tensor_name that is none of `input_names`, colours and data types this version cannot
// deploy.
absl::Status CheckTensorConfs(const v1::pulsar::PulsarConfiguration& source,
                              const std::vector<std::string>& input_names);

// kInvalidArgument, beginning with `path`, for types that the artifact's inputs and outputs cannot have.
absl::StatusOr<v1::ElementType> ToElementType(v1::pulsar::DataType::Enum type, absl::string_view path);

// The inverse; DATA_TYPE_UNKNOWN for all others.
v1::pulsar::DataType::Enum FromElementType(v1::ElementType type);

// AUTO gives BGR for 3 channels, GRAY for 1. COLOR_SPACE_UNSPECIFIED for what CheckTensorConfs refuses.
v1::ColorSpace ToColorSpace(v1::pulsar::TensorConf::ColorSpace color_space, int64_t channels);

// The inverse. What the dialect does not have gives AUTO.
v1::pulsar::TensorConf::ColorSpace FromColorSpace(v1::ColorSpace color_space);

// NATIVE and UNSPECIFIED give NATIVE.
v1::pulsar::TensorConf::TensorLayout FromLayout(v1::Layout layout);

// LEGACY for what is neither limited nor full.
v1::pulsar::TensorConf::ColorStandard FromYuvStandard(v1::YuvStandard standard);

}  // namespace joinery::compiler
