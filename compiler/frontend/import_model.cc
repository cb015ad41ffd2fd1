#include "compiler/frontend/import_model.h"

#include <algorithm>
#include <exception>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/frontend/convert_opset.h"
#include "compiler/frontend/import_quantization.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/frontend/input_shapes.h"
#include "compiler/frontend/state_kernel_shapes.h"
#include "compiler/frontend/unique_names.h"
#include "onnx/inliner/inliner.h"

namespace joinery::compiler {
namespace {

constexpr int64_t kOldestIrVersion = 10;

// "ai.onnx" is another spelling of the empty domain.
void NormalizeDomains(onnx::GraphProto* graph) {
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    if (node.domain() == "ai.onnx") node.clear_domain();
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) NormalizeDomains(attribute.mutable_g());
      for (onnx::GraphProto& nested : *attribute.mutable_graphs()) NormalizeDomains(&nested);
    }
  }
}

void NormalizeDomains(onnx::ModelProto& model) {
  NormalizeDomains(model.mutable_graph());
  for (onnx::OperatorSetIdProto& opset : *model.mutable_opset_import()) {
    if (opset.domain() == "ai.onnx") opset.clear_domain();
  }
}

// What has a value is a constant, even if the model lets its user replace it.
void DropInputsWithDefaults(onnx::ModelProto& model, std::vector<std::string>& notes) {
  std::unordered_set<std::string> constants;
  for (const onnx::TensorProto& tensor : model.graph().initializer()) constants.insert(tensor.name());
  for (const onnx::SparseTensorProto& sparse : model.graph().sparse_initializer()) {
    constants.insert(sparse.values().name());
  }
  auto* inputs = model.mutable_graph()->mutable_input();
  std::vector<std::string> dropped;
  int kept = 0;
  for (int i = 0; i < inputs->size(); ++i) {
    if (!constants.contains(inputs->Get(i).name())) {
      inputs->SwapElements(kept++, i);
    } else {
      dropped.push_back(absl::StrCat("\"", inputs->Get(i).name(), "\""));
    }
  }
  inputs->DeleteSubrange(kept, inputs->size() - kept);
  // Before IR version 4 every initializer had to be an input: it says nothing there.
  if (dropped.empty() || model.ir_version() < 4) return;
  constexpr size_t kShown = 3;
  const size_t shown = std::min(dropped.size(), kShown);
  notes.push_back(absl::StrCat("inputs with a default value are taken as constants: ",
                               absl::StrJoin(dropped.begin(), dropped.begin() + static_cast<ptrdiff_t>(shown), ", "),
                               shown < dropped.size() ? absl::StrCat(" and ", dropped.size() - shown, " more") : ""));
}

absl::Status InlineFunctions(onnx::ModelProto& model) {
  if (model.functions_size() == 0) return absl::OkStatus();
  try {
    onnx::inliner::InlineLocalFunctions(model, /*convert_version=*/true);
  } catch (const std::exception& error) {
    return absl::UnimplementedError(absl::StrCat("cannot write out the model's functions: ", error.what()));
  }
  return absl::OkStatus();
}

// Messages and reports call nodes by name.
void MakeNodeNamesUnique(onnx::ModelProto& model, std::vector<std::string>& notes) {
  UniqueNames names(model);
  std::unordered_set<std::string> seen;
  for (onnx::NodeProto& node : *model.mutable_graph()->mutable_node()) {
    if (node.name().empty() || seen.insert(node.name()).second) continue;
    std::string unique = names.Node(node.name());
    notes.push_back(absl::StrCat("a second node called \"", node.name(), "\" is called \"", unique, "\""));
    node.set_name(std::move(unique));
  }
}

absl::Status CheckSizes(const onnx::GraphProto& graph, const ModelLimits& limits) {
  const auto check = [&](const onnx::ValueInfoProto& value) -> absl::Status {
    int64_t elements = 1;
    for (const auto& dimension : value.type().tensor_type().shape().dim()) {
      const int64_t size = std::max<int64_t>(dimension.dim_value(), 1);
      if (dimension.dim_value() < 0 || __builtin_mul_overflow(elements, size, &elements) ||
          elements > limits.max_tensor_elements) {
        return absl::InvalidArgumentError(absl::StrCat("tensor \"", value.name(), "\" would have more than the ",
                                                       limits.max_tensor_elements, " elements that are allowed"));
      }
    }
    return absl::OkStatus();
  };
  for (const onnx::ValueInfoProto& value : graph.value_info()) RETURN_IF_ERROR(check(value));
  for (const onnx::ValueInfoProto& value : graph.output()) RETURN_IF_ERROR(check(value));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Imported> ImportModel(onnx::ModelProto model, const ImportOptions& options) {
  std::vector<std::string> notes;
  NormalizeDomains(model);
  DropInputsWithDefaults(model, notes);
  model.clear_training_info();
  model.set_ir_version(std::max(model.ir_version(), kOldestIrVersion));
  RETURN_IF_ERROR(InlineFunctions(model));
  ImportedQuantization quantization;
  {
    Graph quantized(std::move(model));
    ASSIGN_OR_RETURN(quantization, ImportQuantization(quantized));
    model = std::move(quantized).TakeModel();
  }
  RETURN_IF_ERROR(StateKernelShapes(model));
  RETURN_IF_ERROR(FixInputShapes(model, options.input_shapes, options.limits, notes));
  RETURN_IF_ERROR(InferShapes(model));
  if (const int64_t opset = OpsetVersion(model); opset < options.opset) {
    RETURN_IF_ERROR(RaiseOpset(model, options.opset));
    notes.push_back(absl::StrCat("raised from opset ", opset, " to ", options.opset));
    RETURN_IF_ERROR(InferShapes(model));
  }
  RETURN_IF_ERROR(CheckSizes(model.graph(), options.limits));
  MakeNodeNamesUnique(model, notes);
  Graph graph(std::move(model));
  RETURN_IF_ERROR(graph.SortTopologically());
  return Imported{std::move(graph), std::move(quantization), std::move(notes)};
}

}  // namespace joinery::compiler
