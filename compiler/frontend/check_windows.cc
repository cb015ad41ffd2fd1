#include "compiler/frontend/check_windows.h"

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

constexpr int64_t kMost = std::numeric_limits<int32_t>::max();

// The least an attribute's numbers may be; kMost + 1 if it does not describe a window.
int64_t LeastOf(const std::string& attribute) {
  if (attribute == "strides" || attribute == "dilations" || attribute == "kernel_shape") return 1;
  if (attribute == "pads") return -kMost;
  return kMost + 1;
}

absl::Status CheckAttribute(const onnx::NodeProto& node, const onnx::AttributeProto& attribute) {
  const int64_t least = LeastOf(attribute.name());
  if (least > kMost) return absl::OkStatus();
  for (const int64_t value : attribute.ints()) {
    if (value >= least && value <= kMost) continue;
    return absl::InvalidArgumentError(absl::StrCat("node ", Describe(node), ": attribute \"", attribute.name(),
                                                   "\" has ", value, ", allowed are ", least, " to ", kMost));
  }
  return absl::OkStatus();
}

absl::Status CheckNodes(const Nodes& nodes) {
  for (const onnx::NodeProto& node : nodes) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      RETURN_IF_ERROR(CheckAttribute(node, attribute));
      if (attribute.has_g()) RETURN_IF_ERROR(CheckNodes(attribute.g().node()));
      for (const onnx::GraphProto& graph : attribute.graphs()) RETURN_IF_ERROR(CheckNodes(graph.node()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckWindows(const onnx::ModelProto& model) {
  RETURN_IF_ERROR(CheckNodes(model.graph().node()));
  for (const onnx::FunctionProto& function : model.functions()) RETURN_IF_ERROR(CheckNodes(function.node()));
  return absl::OkStatus();
}

}  // namespace joinery::compiler
