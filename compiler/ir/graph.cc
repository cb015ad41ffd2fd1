#include "compiler/ir/graph.h"

#include <algorithm>
#include <functional>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

void ForEachNestedGraph(const onnx::NodeProto& node, const std::function<void(const onnx::GraphProto&)>& visit) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.has_g()) visit(attribute.g());
    for (const onnx::GraphProto& graph : attribute.graphs()) visit(graph);
  }
}

void ForEachMutableNestedGraph(onnx::NodeProto* node, const std::function<void(onnx::GraphProto*)>& visit) {
  for (onnx::AttributeProto& attribute : *node->mutable_attribute()) {
    if (attribute.has_g()) visit(attribute.mutable_g());
    for (onnx::GraphProto& graph : *attribute.mutable_graphs()) visit(&graph);
  }
}

// The names that a graph defines itself: a name of the same spelling outside is hidden by them.
std::unordered_set<std::string> OwnNames(const onnx::GraphProto& graph) {
  std::unordered_set<std::string> names;
  for (const onnx::ValueInfoProto& input : graph.input()) names.insert(input.name());
  for (const onnx::TensorProto& initializer : graph.initializer()) names.insert(initializer.name());
  for (const onnx::SparseTensorProto& initializer : graph.sparse_initializer()) {
    names.insert(initializer.values().name());
  }
  for (const onnx::NodeProto& node : graph.node()) names.insert(node.output().begin(), node.output().end());
  return names;
}

// Names that `graph` takes from the graph around it.
void ForEachOuterName(const onnx::GraphProto& graph, const std::function<void(const std::string&)>& visit) {
  const std::unordered_set<std::string> own = OwnNames(graph);
  const auto visit_if_outer = [&](const std::string& name) {
    if (!own.contains(name)) visit(name);
  };
  for (const onnx::NodeProto& node : graph.node()) ForEachInput(node, visit_if_outer);
  for (const onnx::ValueInfoProto& output : graph.output()) visit_if_outer(output.name());
}

void RenameInNode(onnx::NodeProto* node, const std::string& from, const std::string& to);

void RenameInNestedGraph(onnx::GraphProto* graph, const std::string& from, const std::string& to) {
  if (OwnNames(*graph).contains(from)) return;
  for (onnx::NodeProto& node : *graph->mutable_node()) RenameInNode(&node, from, to);
  for (onnx::ValueInfoProto& output : *graph->mutable_output()) {
    if (output.name() == from) output.set_name(to);
  }
}

void RenameInNode(onnx::NodeProto* node, const std::string& from, const std::string& to) {
  for (std::string& input : *node->mutable_input()) {
    if (input == from) input = to;
  }
  ForEachMutableNestedGraph(node, [&](onnx::GraphProto* graph) { RenameInNestedGraph(graph, from, to); });
}

void CollectNames(const onnx::GraphProto& graph, std::unordered_set<std::string>* tensors,
                  std::unordered_set<std::string>* nodes) {
  tensors->merge(OwnNames(graph));
  for (const onnx::NodeProto& node : graph.node()) {
    nodes->insert(node.name());
    tensors->insert(node.input().begin(), node.input().end());
    ForEachNestedGraph(node, [&](const onnx::GraphProto& nested) { CollectNames(nested, tensors, nodes); });
  }
}

std::string TakeFirstFree(const std::string& wish, std::unordered_set<std::string>* taken) {
  if (taken->insert(wish).second) return wish;
  for (int number = 1;; ++number) {
    std::string candidate = absl::StrCat(wish, "_", number);
    if (taken->insert(candidate).second) return candidate;
  }
}

}  // namespace

Graph::Graph(onnx::ModelProto model) : model_(std::move(model)) {}

std::vector<onnx::NodeProto*> Graph::nodes() {
  auto* nodes = model_.mutable_graph()->mutable_node();
  return {nodes->pointer_begin(), nodes->pointer_end()};
}

void Graph::BuildIndex() {
  index_.clear();
  onnx::GraphProto* graph = model_.mutable_graph();
  for (const onnx::ValueInfoProto& value : graph->value_info()) {
    if (value.type().has_tensor_type()) index_[value.name()].type = &value.type().tensor_type();
  }
  for (const onnx::TensorProto& initializer : graph->initializer()) {
    index_[initializer.name()].initializer = &initializer;
  }
  for (const onnx::ValueInfoProto& input : graph->input()) {
    Uses& uses = index_[input.name()];
    uses.is_input = true;
    if (input.type().has_tensor_type()) uses.type = &input.type().tensor_type();
  }
  for (const onnx::ValueInfoProto& output : graph->output()) {
    Uses& uses = index_[output.name()];
    uses.is_output = true;
    if (output.type().has_tensor_type()) uses.type = &output.type().tensor_type();
  }
  for (onnx::NodeProto& node : *graph->mutable_node()) {
    for (const std::string& output : node.output()) {
      if (!output.empty()) index_[output].producer = &node;
    }
    ForEachInput(node, [&](const std::string& input) {
      std::vector<onnx::NodeProto*>& consumers = index_[input].consumers;
      if (consumers.empty() || consumers.back() != &node) consumers.push_back(&node);
    });
  }
  index_is_valid_ = true;
}

const Graph::Uses* Graph::Find(const std::string& tensor) {
  if (!index_is_valid_) BuildIndex();
  const auto found = index_.find(tensor);
  return found == index_.end() ? nullptr : &found->second;
}

onnx::NodeProto* Graph::Producer(const std::string& tensor) {
  const Uses* uses = Find(tensor);
  return uses == nullptr ? nullptr : uses->producer;
}

std::vector<onnx::NodeProto*> Graph::Consumers(const std::string& tensor) {
  const Uses* uses = Find(tensor);
  return uses == nullptr ? std::vector<onnx::NodeProto*>() : uses->consumers;
}

const onnx::TensorProto* Graph::Initializer(const std::string& tensor) {
  const Uses* uses = Find(tensor);
  return uses == nullptr || uses->is_input ? nullptr : uses->initializer;
}

bool Graph::IsGraphInput(const std::string& tensor) const {
  return std::any_of(proto().input().begin(), proto().input().end(),
                     [&](const onnx::ValueInfoProto& input) { return input.name() == tensor; });
}

bool Graph::IsGraphOutput(const std::string& tensor) const {
  return std::any_of(proto().output().begin(), proto().output().end(),
                     [&](const onnx::ValueInfoProto& output) { return output.name() == tensor; });
}

std::vector<const onnx::ValueInfoProto*> Graph::Inputs() const {
  std::unordered_set<std::string> defaults;
  for (const onnx::TensorProto& initializer : proto().initializer()) defaults.insert(initializer.name());
  std::vector<const onnx::ValueInfoProto*> inputs;
  for (const onnx::ValueInfoProto& input : proto().input()) {
    if (!defaults.contains(input.name())) inputs.push_back(&input);
  }
  return inputs;
}

const onnx::TypeProto_Tensor* Graph::TensorType(const std::string& tensor) {
  const Uses* uses = Find(tensor);
  return uses == nullptr ? nullptr : uses->type;
}

std::optional<std::vector<int64_t>> Graph::Shape(const std::string& tensor) {
  if (const onnx::TensorProto* initializer = Initializer(tensor); initializer != nullptr) {
    return std::vector<int64_t>(initializer->dims().begin(), initializer->dims().end());
  }
  const onnx::TypeProto_Tensor* type = TensorType(tensor);
  if (type == nullptr || !type->has_shape()) return std::nullopt;
  std::vector<int64_t> shape;
  shape.reserve(static_cast<size_t>(type->shape().dim_size()));
  for (const auto& dimension : type->shape().dim()) {
    if (!dimension.has_dim_value() || dimension.dim_value() < 0) return std::nullopt;
    shape.push_back(dimension.dim_value());
  }
  return shape;
}

int32_t Graph::ElementType(const std::string& tensor) {
  if (const onnx::TensorProto* initializer = Initializer(tensor); initializer != nullptr) {
    return initializer->data_type();
  }
  const onnx::TypeProto_Tensor* type = TensorType(tensor);
  return type == nullptr ? static_cast<int32_t>(onnx::TensorProto::UNDEFINED) : type->elem_type();
}

onnx::NodeProto* Graph::AddNode(const std::string& op_type, const std::string& name,
                                absl::Span<const std::string> inputs, absl::Span<const std::string> outputs) {
  onnx::NodeProto* node = model_.mutable_graph()->add_node();
  node->set_op_type(op_type);
  node->set_name(name);
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  if (taken_names_.has_value()) {
    taken_names_->nodes.insert(name);
    taken_names_->tensors.insert(outputs.begin(), outputs.end());
  }
  index_is_valid_ = false;
  return node;
}

void Graph::AddInitializer(onnx::TensorProto tensor) {
  if (taken_names_.has_value()) taken_names_->tensors.insert(tensor.name());
  *model_.mutable_graph()->add_initializer() = std::move(tensor);
  index_is_valid_ = false;
}

void Graph::RemoveNode(const onnx::NodeProto* node) {
  auto* nodes = model_.mutable_graph()->mutable_node();
  const auto found = std::find(nodes->pointer_begin(), nodes->pointer_end(), node);
  if (found == nodes->pointer_end()) return;
  nodes->DeleteSubrange(static_cast<int>(found - nodes->pointer_begin()), 1);
  index_is_valid_ = false;
}

void Graph::SetInput(onnx::NodeProto* node, int index, const std::string& tensor) {
  while (node->input_size() <= index) node->add_input();
  node->set_input(index, tensor);
  index_is_valid_ = false;
}

void Graph::SetOutput(onnx::NodeProto* node, int index, const std::string& tensor) {
  if (taken_names_.has_value()) taken_names_->tensors.insert(tensor);
  node->set_output(index, tensor);
  index_is_valid_ = false;
}

void Graph::ReplaceUses(const std::string& from, const std::string& to) {
  for (onnx::NodeProto* node : Consumers(from)) RenameInNode(node, from, to);
  index_is_valid_ = false;
}

Graph::TakenNames& Graph::Taken() {
  if (!taken_names_.has_value()) {
    taken_names_.emplace();
    CollectNames(proto(), &taken_names_->tensors, &taken_names_->nodes);
  }
  return *taken_names_;
}

std::string Graph::UniqueTensorName(const std::string& wish) { return TakeFirstFree(wish, &Taken().tensors); }

std::string Graph::UniqueNodeName(const std::string& wish) { return TakeFirstFree(wish, &Taken().nodes); }

int Graph::RemoveDeadNodes() {
  onnx::GraphProto* graph = model_.mutable_graph();
  std::unordered_set<std::string> read;
  for (const onnx::ValueInfoProto& output : graph->output()) read.insert(output.name());
  // The nodes are in topological order, so one walk from the end sees every reader before what it reads.
  std::vector<bool> is_dead(static_cast<size_t>(graph->node_size()));
  for (int i = graph->node_size() - 1; i >= 0; --i) {
    const onnx::NodeProto& node = graph->node(i);
    const bool is_read = std::any_of(node.output().begin(), node.output().end(),
                                     [&](const std::string& output) { return read.contains(output); });
    is_dead[static_cast<size_t>(i)] = !is_read;
    if (is_read) ForEachInput(node, [&](const std::string& input) { read.insert(input); });
  }
  int removed = 0;
  auto* nodes = graph->mutable_node();
  int kept = 0;
  for (int i = 0; i < nodes->size(); ++i) {
    if (!is_dead[static_cast<size_t>(i)]) nodes->SwapElements(kept++, i);
  }
  removed += nodes->size() - kept;
  nodes->DeleteSubrange(kept, nodes->size() - kept);

  auto* initializers = graph->mutable_initializer();
  kept = 0;
  for (int i = 0; i < initializers->size(); ++i) {
    if (read.contains(initializers->Get(i).name())) initializers->SwapElements(kept++, i);
  }
  removed += initializers->size() - kept;
  initializers->DeleteSubrange(kept, initializers->size() - kept);
  if (removed > 0) index_is_valid_ = false;
  return removed;
}

absl::Status Graph::SortTopologically() {
  auto* nodes = model_.mutable_graph()->mutable_node();
  std::unordered_map<std::string, int> producer;
  for (int i = 0; i < nodes->size(); ++i) {
    for (const std::string& output : nodes->Get(i).output()) producer[output] = i;
  }
  std::vector<std::vector<int>> readers(static_cast<size_t>(nodes->size()));
  std::vector<int> unmet(static_cast<size_t>(nodes->size()));
  for (int i = 0; i < nodes->size(); ++i) {
    ForEachInput(nodes->Get(i), [&](const std::string& input) {
      if (const auto found = producer.find(input); found != producer.end()) {
        readers[static_cast<size_t>(found->second)].push_back(i);
        ++unmet[static_cast<size_t>(i)];
      }
    });
  }
  // Of all nodes that could come next, the one that came first before.
  std::vector<int> ready;
  const auto later = std::greater<int>();
  for (int i = 0; i < nodes->size(); ++i) {
    if (unmet[static_cast<size_t>(i)] == 0) ready.push_back(i);
  }
  std::make_heap(ready.begin(), ready.end(), later);
  std::vector<onnx::NodeProto*> sorted;
  sorted.reserve(static_cast<size_t>(nodes->size()));
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end(), later);
    const int i = ready.back();
    ready.pop_back();
    sorted.push_back(nodes->Mutable(i));
    for (const int reader : readers[static_cast<size_t>(i)]) {
      if (--unmet[static_cast<size_t>(reader)] == 0) {
        ready.push_back(reader);
        std::push_heap(ready.begin(), ready.end(), later);
      }
    }
  }
  if (sorted.size() != static_cast<size_t>(nodes->size())) {
    const auto stuck = std::find_if(unmet.begin(), unmet.end(), [](int count) { return count > 0; });
    return absl::InvalidArgumentError(absl::StrCat("the graph has a cycle: node ",
                                                   Describe(nodes->Get(static_cast<int>(stuck - unmet.begin()))),
                                                   " waits for its own output"));
  }
  std::copy(sorted.begin(), sorted.end(), nodes->pointer_begin());
  index_is_valid_ = false;
  return absl::OkStatus();
}

void ForEachInput(const onnx::NodeProto& node, const std::function<void(const std::string&)>& visit) {
  for (const std::string& input : node.input()) {
    if (!input.empty()) visit(input);
  }
  ForEachNestedGraph(node, [&](const onnx::GraphProto& graph) { ForEachOuterName(graph, visit); });
}

bool HasNestedGraph(const onnx::NodeProto& node) {
  return std::any_of(node.attribute().begin(), node.attribute().end(), [](const onnx::AttributeProto& attribute) {
    return attribute.has_g() || attribute.graphs_size() > 0;
  });
}

std::string Describe(const onnx::NodeProto& node) {
  if (!node.name().empty()) return absl::StrCat("\"", node.name(), "\" (", node.op_type(), ")");
  return absl::StrCat(node.op_type(), " that makes \"", node.output_size() > 0 ? node.output(0) : "", "\"");
}

const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node, absl::string_view name) {
  for (const onnx::AttributeProto& attribute : node.attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  return nullptr;
}

int64_t IntAttribute(const onnx::NodeProto& node, absl::string_view name, int64_t otherwise) {
  const onnx::AttributeProto* attribute = FindAttribute(node, name);
  return attribute == nullptr ? otherwise : attribute->i();
}

float FloatAttribute(const onnx::NodeProto& node, absl::string_view name, float otherwise) {
  const onnx::AttributeProto* attribute = FindAttribute(node, name);
  return attribute == nullptr ? otherwise : attribute->f();
}

std::string StringAttribute(const onnx::NodeProto& node, absl::string_view name, absl::string_view otherwise) {
  const onnx::AttributeProto* attribute = FindAttribute(node, name);
  return attribute == nullptr ? std::string(otherwise) : attribute->s();
}

std::vector<int64_t> IntsAttribute(const onnx::NodeProto& node, absl::string_view name) {
  const onnx::AttributeProto* attribute = FindAttribute(node, name);
  if (attribute == nullptr) return {};
  return {attribute->ints().begin(), attribute->ints().end()};
}

namespace {

onnx::AttributeProto* MutableAttribute(onnx::NodeProto* node, absl::string_view name) {
  for (onnx::AttributeProto& attribute : *node->mutable_attribute()) {
    if (attribute.name() == name) return &attribute;
  }
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(std::string(name));
  return attribute;
}

}  // namespace

void SetIntAttribute(onnx::NodeProto* node, absl::string_view name, int64_t value) {
  onnx::AttributeProto* attribute = MutableAttribute(node, name);
  attribute->set_type(onnx::AttributeProto::INT);
  attribute->set_i(value);
}

void SetIntsAttribute(onnx::NodeProto* node, absl::string_view name, absl::Span<const int64_t> values) {
  onnx::AttributeProto* attribute = MutableAttribute(node, name);
  attribute->set_type(onnx::AttributeProto::INTS);
  attribute->mutable_ints()->Assign(values.begin(), values.end());
}

int64_t OpsetVersion(const onnx::ModelProto& model) {
  for (const onnx::OperatorSetIdProto& opset : model.opset_import()) {
    if (opset.domain().empty() || opset.domain() == "ai.onnx") return opset.version();
  }
  return 0;
}

}  // namespace joinery::compiler
