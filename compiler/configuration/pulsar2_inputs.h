// input_configs and input_processors of a `pulsar2 build` configuration.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/configuration/translation.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {

// Refuses, naming the field: names that are none of the inputs', and what this version cannot deploy.
absl::Status CheckPulsar2Inputs(const v1::pulsar2::BuildConfig& source, const std::vector<ModelInput>& inputs);

// The configuration of one input; `warnings` gets what was chosen and what cannot apply. `source` passed the check.
absl::StatusOr<v1::InputConfiguration> TranslatePulsar2Input(const v1::pulsar2::BuildConfig& source,
                                                             const ModelInput& input,
                                                             std::vector<std::string>& warnings);

// The index of the input_config that is about the input `name`, -1 if there is none.
int InputConfigOf(const v1::pulsar2::BuildConfig& source, const std::string& name);

// The same for input_processors.
int InputProcessorOf(const v1::pulsar2::BuildConfig& source, const std::string& name);

// mean or std of a deployed input in the order of the float model's colours, or the other way round.
google::protobuf::RepeatedField<float> ReorderChannels(const google::protobuf::RepeatedField<float>& values,
                                                       const v1::InputConfiguration& input);

}  // namespace joinery::compiler
