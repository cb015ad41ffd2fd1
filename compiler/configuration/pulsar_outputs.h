// Outputs of a `pulsar build` configuration: dst_output_tensors, src_output_tensors, output_conf_items.
#pragma once

#include "absl/status/statusor.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// The outputs that are to be another than the float model's; one without a name is for all that have no other. Whether
// the model has them is not checked here. kInvalidArgument names the field.
absl::StatusOr<google::protobuf::RepeatedPtrField<v1::OutputConfiguration>> TranslatePulsarOutputs(
    const v1::pulsar::PulsarConfiguration& source);

// The inverse: dst_output_tensors and output_conf_items for each of `outputs`, instead of those that were there.
void WritePulsarOutputs(const google::protobuf::RepeatedPtrField<v1::OutputConfiguration>& outputs,
                        v1::pulsar::PulsarConfiguration& result);

}  // namespace joinery::compiler
