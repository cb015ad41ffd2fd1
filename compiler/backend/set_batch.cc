#include "compiler/backend/set_batch.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

absl::Status CheckFirstDimension(const onnx::ValueInfoProto& value, absl::string_view what) {
  const onnx::TensorShapeProto& shape = value.type().tensor_type().shape();
  if (shape.dim_size() > 0 && shape.dim(0).dim_value() == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a batch size needs ", what,
                                                 "s whose first dimension is 1, and that of ", what, " \"",
                                                 value.name(), "\" is not"));
}

void SetFirstDimension(onnx::ValueInfoProto& value, const v1::Batch& batch) {
  onnx::TensorShapeProto_Dimension& first =
      *value.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0);
  if (batch.is_dynamic()) {
    first.set_dim_param("batch");
  } else {
    first.set_dim_value(batch.sizes(0));
  }
}

// 0 stands for the dimension of what is read. A shape that is read elsewhere, too, is left to that.
void MendReshape(Graph& graph, onnx::NodeProto* node) {
  const onnx::TensorProto* shape = graph.Initializer(node->input(1));
  const std::optional<std::vector<int64_t>> input = graph.Shape(node->input(0));
  if (shape == nullptr || !input.has_value() || input->empty() || (*input)[0] != 1) return;
  absl::StatusOr<std::vector<int64_t>> values = IntValues(*shape);
  if (!values.ok() || values->empty() || (*values)[0] != 1 || IntAttribute(*node, "allowzero", 0) != 0) return;
  (*values)[0] = 0;
  const std::string name = graph.UniqueTensorName(absl::StrCat(node->input(1), "_batch"));
  graph.AddInitializer(Int64Proto(name, {static_cast<int64_t>(values->size())}, *values));
  graph.SetInput(node, 1, name);
}

absl::Status CheckOutputs(const Graph& graph, const std::vector<onnx::ValueInfoProto>& wanted) {
  for (int i = 0; i < graph.proto().output_size(); ++i) {
    const auto& first = graph.proto().output(i).type().tensor_type().shape().dim(0);
    const auto& want = wanted[static_cast<size_t>(i)].type().tensor_type().shape().dim(0);
    const bool is_known = first.has_dim_value() || first.has_dim_param();
    if (!is_known || (first.dim_value() == want.dim_value() && first.dim_param() == want.dim_param())) continue;
    return absl::UnimplementedError(absl::StrCat("the batch does not come through to output \"",
                                                 graph.proto().output(i).name(),
                                                 "\": some operator on the way fixes it to 1; ask for batch size 1"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SetBatch(Graph& graph, const v1::Batch& batch) {
  if (batch.sizes().empty()) return absl::OkStatus();
  onnx::GraphProto& proto = *graph.mutable_model().mutable_graph();
  for (const onnx::ValueInfoProto* input : graph.Inputs()) RETURN_IF_ERROR(CheckFirstDimension(*input, "input"));
  for (const onnx::ValueInfoProto& output : proto.output()) RETURN_IF_ERROR(CheckFirstDimension(output, "output"));
  for (onnx::NodeProto* node : graph.nodes()) {
    if (node->op_type() == "Reshape") MendReshape(graph, node);
  }
  graph.RemoveDeadNodes();
  std::vector<onnx::ValueInfoProto> wanted;
  for (onnx::ValueInfoProto& output : *proto.mutable_output()) {
    SetFirstDimension(output, batch);
    wanted.push_back(output);
    output.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(0)->Clear();
  }
  for (onnx::ValueInfoProto& input : *proto.mutable_input()) {
    if (graph.Initializer(input.name()) == nullptr) SetFirstDimension(input, batch);
  }
  // What was inferred for one sample.
  proto.clear_value_info();
  graph.Invalidate();
  RETURN_IF_ERROR(InferShapes(graph.mutable_model()));
  RETURN_IF_ERROR(CheckOutputs(graph, wanted));
  for (int i = 0; i < proto.output_size(); ++i) *proto.mutable_output(i) = wanted[static_cast<size_t>(i)];
  graph.Invalidate();
  return absl::OkStatus();
}

}  // namespace joinery::compiler
