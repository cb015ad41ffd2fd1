// Puts the preprocessing into the graph, so that the artifact takes what a camera gives.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// For each configured input T that is not NATIVE:
//   T (float) -> X   ⇒   T (uint8, NHWC) -> Cast -> Mul -> Add -> Transpose -> Gather (channel order)
//                          -> T_preprocessed -> X
// of which only what is needed is added; or, where colours are converted (see convert_colors.h),
//   T (float) -> X   ⇒   T (uint8, NV12) -> Cast -> conversion -> Mul -> Add -> T_preprocessed -> X
// A fourth channel to spare is cut off first. All preprocessing steps become one factor and one term for each channel,
// computed in double precision.
//
// Returns the nodes that were added; they are not part of the network and are not to be quantized.
// Errors: kInvalidArgument if the configuration names an input the graph does not have, or its shape does not fit.
absl::StatusOr<std::vector<const onnx::NodeProto*>> AttachPreprocessing(Graph& graph,
                                                                        const v1::BuildConfiguration& configuration);

// What the tensor that the float model took is called once the preprocessing is attached.
std::string PreprocessedName(const std::string& input);

}  // namespace joinery::compiler
