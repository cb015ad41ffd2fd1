// Puts into a finished graph what calibration did without.
#pragma once

#include "absl/status/status.h"
#include "compiler/ir/graph.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// The preprocessing of inputs whose samples were the float model's (InputsLeftOut), and outputs of whole numbers. What
// is added runs in the part of what reads it or, behind an output, of what makes it. The manifest's inputs and outputs,
// in the graph's order, are told again. Errors: those of AttachPreprocessing and QuantizeOutputs.
absl::Status DeployTensors(Graph& graph, v1::Manifest& manifest);

// The batch, verified on random samples. As above. Errors: those of SetBatch and VerifyBatch.
absl::Status DeployBatch(Graph& graph, v1::Manifest& manifest, int threads);

}  // namespace joinery::compiler
