// The float model as a `.joint` made from it is used: same inputs, same preprocessing, nothing quantized.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "joinery/v1/build_configuration.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Loads the model at `path`, makes the edits of `configuration`, fixes its inputs to the shapes there and attaches the
// preprocessing and what is done to outputs, which stay float32. The
// model is not simplified, so that a comparison with the artifact judges the simplification as well. Errors: those of
// LoadModel, ImportModel and AttachPreprocessing.
absl::StatusOr<onnx::ModelProto> LoadFloatReference(const std::string& path,
                                                    const v1::BuildConfiguration& configuration);

}  // namespace joinery::compiler
