// output_processors of a `pulsar2 build` configuration.
#pragma once

#include "absl/status/statusor.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {

// The outputs that are to be another than the float model's; one without a name is for all that have no other. Whether
// the model has them is not checked here. kInvalidArgument names the field.
absl::StatusOr<google::protobuf::RepeatedPtrField<v1::OutputConfiguration>> TranslatePulsar2Outputs(
    const v1::pulsar2::BuildConfig& source);

// The inverse, as far as the dialect goes: an output_processor for each of `outputs`, instead of those that were there.
void WritePulsar2Outputs(const google::protobuf::RepeatedPtrField<v1::OutputConfiguration>& outputs,
                         v1::pulsar2::BuildConfig& result);

}  // namespace joinery::compiler
