#include "compiler/backend/parts.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/backend/joint_file.h"
#include "compiler/frontend/infer_shapes.h"

namespace joinery::compiler {
namespace {

constexpr char kPartKey[] = "joinery.part";

using NodePredicate = std::function<bool(const onnx::NodeProto&)>;

void AddOnce(const std::string& tensor, std::vector<std::string>& tensors) {
  if (std::find(tensors.begin(), tensors.end(), tensor) == tensors.end()) tensors.push_back(tensor);
}

// Puts the tensors in the order in which the graph has them: its inputs, then what its nodes make.
void SortByPlace(const onnx::GraphProto& graph, std::vector<std::string>& tensors) {
  std::unordered_map<std::string, size_t> place_of;
  for (const onnx::ValueInfoProto& input : graph.input()) place_of.try_emplace(input.name(), place_of.size());
  for (const onnx::NodeProto& node : graph.node()) {
    for (const std::string& output : node.output()) place_of.try_emplace(output, place_of.size());
  }
  std::stable_sort(tensors.begin(), tensors.end(),
                   [&](const std::string& a, const std::string& b) { return place_of[a] < place_of[b]; });
}

// What nodes that are chosen by `belongs` read from elsewhere, or of what is `given` anyway, constants left out.
std::vector<std::string> InputsOf(Graph& graph, const NodePredicate& belongs,
                                  const std::unordered_set<std::string>& given = {}) {
  std::vector<std::string> inputs;
  for (const onnx::NodeProto& node : graph.proto().node()) {
    if (!belongs(node)) continue;
    ForEachInput(node, [&](const std::string& input) {
      const onnx::NodeProto* producer = graph.Producer(input);
      const bool is_outside = producer == nullptr ? graph.IsGraphInput(input) : !belongs(*producer);
      if (is_outside || given.contains(input)) AddOnce(input, inputs);
    });
  }
  SortByPlace(graph.proto(), inputs);
  return inputs;
}

std::vector<std::string> OutputsOf(Graph& graph, const NodePredicate& belongs) {
  std::vector<std::string> outputs;
  for (const onnx::NodeProto& node : graph.proto().node()) {
    if (!belongs(node)) continue;
    for (const std::string& output : node.output()) {
      const std::vector<onnx::NodeProto*> readers = graph.Consumers(output);
      const bool is_read =
          std::any_of(readers.begin(), readers.end(), [&](const onnx::NodeProto* reader) { return !belongs(*reader); });
      if (is_read || graph.IsGraphOutput(output)) AddOnce(output, outputs);
    }
  }
  return outputs;
}

std::vector<PartTensors> InRunningOrder(Graph& graph, std::vector<PartTensors> parts) {
  std::vector<PartTensors> ordered;
  std::set<std::string> made;
  while (!parts.empty()) {
    auto next = std::find_if(parts.begin(), parts.end(), [&](const PartTensors& part) {
      return std::all_of(part.inputs.begin(), part.inputs.end(), [&](const std::string& input) {
        return graph.Producer(input) == nullptr || made.contains(input);
      });
    });
    if (next == parts.end()) next = parts.begin();
    made.insert(next->outputs.begin(), next->outputs.end());
    ordered.push_back(std::move(*next));
    parts.erase(next);
  }
  return ordered;
}

// The type and shape of a tensor, by name.
absl::StatusOr<onnx::ValueInfoProto> ValueInfo(Graph& graph, const std::string& tensor) {
  const auto named = [&](const onnx::ValueInfoProto& value) { return value.name() == tensor && value.has_type(); };
  for (const auto* values : {&graph.proto().input(), &graph.proto().output(), &graph.proto().value_info()}) {
    const auto found = std::find_if(values->begin(), values->end(), named);
    if (found != values->end()) return *found;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the type of tensor \"", tensor, "\" is not known, so a model cannot begin or end there: choose another"));
}

absl::StatusOr<onnx::ModelProto> Extract(Graph& graph, const NodePredicate& belongs,
                                         const std::vector<std::string>& inputs,
                                         const std::vector<std::string>& outputs, const std::string& name) {
  onnx::ModelProto extracted;
  extracted.set_ir_version(graph.model().ir_version());
  extracted.set_producer_name(graph.model().producer_name());
  extracted.set_producer_version(graph.model().producer_version());
  *extracted.mutable_opset_import() = graph.model().opset_import();
  *extracted.mutable_functions() = graph.model().functions();
  onnx::GraphProto& part = *extracted.mutable_graph();
  part.set_name(name);
  for (const std::string& input : inputs) {
    ASSIGN_OR_RETURN(*part.add_input(), ValueInfo(graph, input));
  }
  for (const std::string& output : outputs) {
    ASSIGN_OR_RETURN(*part.add_output(), ValueInfo(graph, output));
  }
  std::unordered_set<std::string> constants;
  for (const onnx::NodeProto& node : graph.proto().node()) {
    if (!belongs(node)) continue;
    ForEachInput(node, [&](const std::string& input) {
      const onnx::TensorProto* constant = graph.Initializer(input);
      if (constant != nullptr && constants.insert(input).second) *part.add_initializer() = *constant;
    });
    onnx::NodeProto& copy = *part.add_node() = node;
    copy.clear_metadata_props();
  }
  return extracted;
}

// The first that has constants which are no inputs.
constexpr int64_t kIrOfConstants = 4;

// Inputs with a default value are constants.
void DropInputsWithDefault(onnx::ModelProto& model) {
  std::unordered_set<std::string> constants;
  for (const onnx::TensorProto& constant : model.graph().initializer()) constants.insert(constant.name());
  auto& inputs = *model.mutable_graph()->mutable_input();
  const auto kept = std::remove_if(inputs.begin(), inputs.end(),
                                   [&](const onnx::ValueInfoProto& input) { return constants.contains(input.name()); });
  inputs.erase(kept, inputs.end());
  model.set_ir_version(std::max<int64_t>(model.ir_version(), kIrOfConstants));
}

// The model with the types of all tensors that can be told. Its manifest, which is not an extract's, is gone.
absl::StatusOr<Graph> WithTypes(onnx::ModelProto model) {
  model.clear_metadata_props();
  DropInputsWithDefault(model);
  RETURN_IF_ERROR(InferShapes(model));
  return Graph(std::move(model));
}

}  // namespace

absl::string_view PartOf(const onnx::NodeProto& node) {
  for (const onnx::StringStringEntryProto& entry : node.metadata_props()) {
    if (entry.key() == kPartKey) return entry.value();
  }
  return "";
}

void SetPart(onnx::NodeProto* node, absl::string_view part) {
  auto& entries = *node->mutable_metadata_props();
  const auto known =
      std::find_if(entries.begin(), entries.end(), [](const auto& entry) { return entry.key() == kPartKey; });
  if (part.empty()) {
    if (known != entries.end()) entries.erase(known);
    return;
  }
  if (known != entries.end()) return known->set_value(part.data(), part.size());
  onnx::StringStringEntryProto* entry = node->add_metadata_props();
  entry->set_key(kPartKey);
  entry->set_value(part.data(), part.size());
}

std::vector<PartTensors> PartsOf(Graph& graph) {
  std::vector<PartTensors> parts;
  for (const onnx::NodeProto& node : graph.proto().node()) {
    const absl::string_view name = PartOf(node);
    if (name.empty()) continue;
    auto part = std::find_if(parts.begin(), parts.end(), [&](const PartTensors& known) { return known.name == name; });
    if (part == parts.end()) part = parts.insert(parts.end(), PartTensors{std::string(name), 0, {}, {}});
    ++part->nodes;
  }
  for (PartTensors& part : parts) {
    const auto belongs = [&](const onnx::NodeProto& node) { return PartOf(node) == part.name; };
    part.inputs = InputsOf(graph, belongs);
    part.outputs = OutputsOf(graph, belongs);
  }
  return InRunningOrder(graph, std::move(parts));
}

absl::StatusOr<onnx::ModelProto> ExtractPart(const onnx::ModelProto& model, const std::string& part) {
  ASSIGN_OR_RETURN(Graph graph, WithTypes(model));
  const std::vector<PartTensors> parts = PartsOf(graph);
  const auto found =
      std::find_if(parts.begin(), parts.end(), [&](const PartTensors& known) { return known.name == part; });
  if (found == parts.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no part \"", part, "\"; the model's parts are: ",
        parts.empty()
            ? "none, it is no .joint"
            : absl::StrJoin(parts, ", ", [](std::string* out, const PartTensors& known) { out->append(known.name); })));
  }
  return Extract(
      graph, [&](const onnx::NodeProto& node) { return PartOf(node) == part; }, found->inputs, found->outputs, part);
}

absl::StatusOr<onnx::ModelProto> ExtractBetween(const onnx::ModelProto& model, const std::vector<std::string>& inputs,
                                                const std::vector<std::string>& outputs) {
  ASSIGN_OR_RETURN(Graph graph, WithTypes(model));
  for (const std::vector<std::string>* tensors : {&inputs, &outputs}) {
    for (const std::string& tensor : *tensors) {
      if (graph.Producer(tensor) != nullptr || graph.IsGraphInput(tensor)) continue;
      return absl::InvalidArgumentError(absl::StrCat("the model computes no tensor \"", tensor, "\""));
    }
  }
  const std::unordered_set<std::string> given(inputs.begin(), inputs.end());
  std::unordered_set<const onnx::NodeProto*> chosen;
  std::vector<std::string> pending = outputs;
  while (!pending.empty()) {
    const std::string tensor = std::move(pending.back());
    pending.pop_back();
    if (given.contains(tensor)) continue;
    const onnx::NodeProto* producer = graph.Producer(tensor);
    if (producer == nullptr && graph.IsGraphInput(tensor) && !inputs.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("what is asked for depends on the input \"", tensor, "\", too: name it, or a tensor behind it"));
    }
    if (producer == nullptr || !chosen.insert(producer).second) continue;
    ForEachInput(*producer, [&](const std::string& input) { pending.push_back(input); });
  }
  // A node that makes what is given may be needed for another of its outputs.
  const auto belongs = [&](const onnx::NodeProto& node) { return chosen.contains(&node); };
  const std::vector<std::string> needed = InputsOf(graph, belongs, given);
  for (const std::string& input : needed) {
    const onnx::NodeProto* producer = graph.Producer(input);
    if (producer == nullptr || !belongs(*producer)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"", input, "\" is made on the way to what is asked for, too"));
  }
  return Extract(graph, belongs, needed, outputs, "extract");
}

std::vector<v1::Part> DescribeParts(Graph& graph) {
  std::vector<v1::Part> described;
  for (const PartTensors& part : PartsOf(graph)) {
    v1::Part& added = described.emplace_back();
    added.set_name(part.name);
    added.set_nodes(part.nodes);
    added.set_device(absl::StartsWith(part.name, "npu") ? "NPU" : "CPU");
    const auto describe = [&](const std::string& tensor, v1::TensorInfo* info) {
      const absl::StatusOr<onnx::ValueInfoProto> value = ValueInfo(graph, tensor);
      if (value.ok()) *info = DescribeTensor(*value);
      info->set_name(tensor);
    };
    for (const std::string& input : part.inputs) describe(input, added.add_inputs());
    for (const std::string& output : part.outputs) describe(output, added.add_outputs());
  }
  return described;
}

absl::StatusOr<std::vector<v1::Part>> DescribeParts(const onnx::ModelProto& model) {
  ASSIGN_OR_RETURN(Graph graph, WithTypes(model));
  return DescribeParts(graph);
}

}  // namespace joinery::compiler
