// A configuration to begin with.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/configuration/convert.h"

namespace joinery::compiler {

struct TemplateOptions {
  std::string model;
  std::string calibration;
  // "AX620", "AX630C"...; empty: the dialect's first.
  std::string target;
  Dialect dialect = Dialect::kPulsar;
  // Those given for inputs of open shapes, as `joineryc build --input-shape` takes them.
  std::vector<std::string> input_shapes;
};

// A commented configuration for a model with these inputs: pictures are taken for RGB, prepared as torchvision's are.
// Paths are written as they are given. It parses and translates as it stands. kInvalidArgument if the dialect does not
// have the target.
absl::StatusOr<std::string> WriteTemplate(const TemplateOptions& options, const std::vector<ModelInput>& inputs);

}  // namespace joinery::compiler
