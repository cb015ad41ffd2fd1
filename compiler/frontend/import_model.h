// From a model as people export it to the one form that all later stages work on.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/frontend/model_limits.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/imported_quantization.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

struct ImportOptions {
  ModelLimits limits;
  // "NAME:1x3x224x224" each, or "1x3x224x224" if the model has one input only.
  std::vector<std::string> input_shapes;
  // What a lower opset is raised to.
  int opset = 13;
};

struct Imported {
  // Float, even if the model was quantized already.
  Graph graph;
  ImportedQuantization quantization;
  // For the log: what was decided for the user.
  std::vector<std::string> notes;
};

// Takes a model that ParseModel or LoadModel gave. In the graph that is returned: opset at least `options.opset`, IR
// version at least 10; every input has a static shape, no initializer is an input at the same time; no functions; the
// types and shapes of all tensors are inferred, as far as they do not depend on values; the nodes are in topological
// order and no two have the same name. Names of inputs, outputs, tensors and nodes are those of the model.
//
// Errors: kInvalidArgument if input shapes are missing or do not fit, or the model's shapes do not fit together;
// kUnimplemented if an operator cannot be raised to the opset, or an input is not a tensor.
absl::StatusOr<Imported> ImportModel(onnx::ModelProto model, const ImportOptions& options);

}  // namespace joinery::compiler
