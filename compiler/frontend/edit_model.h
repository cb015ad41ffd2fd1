// Changes that a configuration makes to a model before it is imported.
#pragma once

#include "absl/status/status.h"
#include "joinery/v1/build_configuration.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Constants (initializers, and the outputs of Constant nodes) get other values of their own type, attributes of nodes
// others, of the type they had, or, where they are new, of the one their JSON has: whole number, number, string, or a
// list of one kind. What is not JSON is a string.
//
// kInvalidArgument, naming the constant or node: the model has none of that name, another number of values, a value
// that its type cannot hold. After an error `model` may be half changed. Nested graphs are not looked into.
absl::Status EditModel(const v1::ModelEdits& edits, onnx::ModelProto& model);

}  // namespace joinery::compiler
