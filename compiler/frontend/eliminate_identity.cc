#include "compiler/frontend/eliminate_identity.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "compiler/frontend/graph_edits.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// Each returns which input the node's first output is equal to, or -1.
using Question = int (*)(Graph& graph, const onnx::NodeProto& node);

constexpr int kNone = -1;

bool HasInput(const onnx::NodeProto& node, int index) {
  return index < node.input_size() && !node.input(index).empty();
}

bool KeepsShape(Graph& graph, const onnx::NodeProto& node, int input) {
  const auto before = graph.Shape(node.input(input));
  return before.has_value() && before == graph.Shape(node.output(0));
}

// The whole numbers of the constant `tensor`, or nothing.
std::optional<std::vector<int64_t>> Integers(Graph& graph, const std::string& tensor) {
  const onnx::TensorProto* initializer = graph.Initializer(tensor);
  if (initializer == nullptr) return std::nullopt;
  absl::StatusOr<std::vector<int64_t>> values = IntValues(*initializer);
  if (!values.ok()) return std::nullopt;
  return *std::move(values);
}

// Whether all elements of the constant `tensor` are `value`.
bool IsFilledWith(Graph& graph, const std::string& tensor, int value) {
  const onnx::TensorProto* initializer = graph.Initializer(tensor);
  // Larger ones are weights, which are no such thing.
  if (initializer == nullptr || initializer->ByteSizeLong() > size_t{1} << 16U) return false;
  if (initializer->data_type() == onnx::TensorProto::FLOAT) {
    const absl::StatusOr<std::vector<float>> values = FloatValues(*initializer);
    return values.ok() && std::all_of(values->begin(), values->end(),
                                      [&](float element) { return element == static_cast<float>(value); });
  }
  const auto values = Integers(graph, tensor);
  return values.has_value() &&
         std::all_of(values->begin(), values->end(), [&](int64_t element) { return element == value; });
}

int Always(Graph& /*graph*/, const onnx::NodeProto& node) { return HasInput(node, 0) ? 0 : kNone; }

int IfOnlyOne(Graph& /*graph*/, const onnx::NodeProto& node) { return node.input_size() == 1 ? 0 : kNone; }

int IfShapeStays(Graph& graph, const onnx::NodeProto& node) { return KeepsShape(graph, node, 0) ? 0 : kNone; }

int IfInference(Graph& graph, const onnx::NodeProto& node) {
  if (HasInput(node, 2)) {
    const onnx::TensorProto* training = graph.Initializer(node.input(2));
    if (training == nullptr) return kNone;
    const absl::StatusOr<Tensor> value = ToTensor(*training);
    if (!value.ok() || value->bytes.size() != 1 || value->bytes[0] != std::byte{0}) return kNone;
  }
  return 0;
}

int IfTypeStays(Graph& graph, const onnx::NodeProto& node) {
  return IntAttribute(node, "to", 0) == graph.ElementType(node.input(0)) ? 0 : kNone;
}

int IfOrderStays(Graph& /*graph*/, const onnx::NodeProto& node) {
  const std::vector<int64_t> order = IntsAttribute(node, "perm");
  return !order.empty() && std::is_sorted(order.begin(), order.end()) ? 0 : kNone;
}

int IfNothingAdded(Graph& graph, const onnx::NodeProto& node) {
  return HasInput(node, 1) && IsFilledWith(graph, node.input(1), 0) ? 0 : kNone;
}

int IfOnes(Graph& graph, const onnx::NodeProto& node) {
  return HasInput(node, 1) && IsFilledWith(graph, node.input(1), 1) ? 0 : kNone;
}

int IfEverythingInOrder(Graph& graph, const onnx::NodeProto& node) {
  if (!KeepsShape(graph, node, 0)) return kNone;
  if (!HasInput(node, 4)) return 0;
  const auto steps = Integers(graph, node.input(4));
  const bool is_forward =
      steps.has_value() && std::all_of(steps->begin(), steps->end(), [](int64_t step) { return step > 0; });
  return is_forward ? 0 : kNone;
}

// Whether arithmetic with input `constant`, filled with `value`, leaves the other input as it is.
int OtherIfNeutral(Graph& graph, const onnx::NodeProto& node, int constant, int value) {
  const int other = 1 - constant;
  return KeepsShape(graph, node, other) && IsFilledWith(graph, node.input(constant), value) ? other : kNone;
}

template <int kNeutral>
int IfNeutralOnRight(Graph& graph, const onnx::NodeProto& node) {
  return node.input_size() == 2 ? OtherIfNeutral(graph, node, 1, kNeutral) : kNone;
}

template <int kNeutral>
int IfNeutralOnEitherSide(Graph& graph, const onnx::NodeProto& node) {
  const int other = IfNeutralOnRight<kNeutral>(graph, node);
  return other != kNone || node.input_size() != 2 ? other : OtherIfNeutral(graph, node, 0, kNeutral);
}

const std::unordered_map<std::string, Question>& Questions() {
  static const auto* questions = new std::unordered_map<std::string, Question>({
      {"Identity", Always},
      {"Dropout", IfInference},
      {"Cast", IfTypeStays},
      {"Reshape", IfShapeStays},
      {"Flatten", IfShapeStays},
      {"Expand", IfShapeStays},
      {"Transpose", IfOrderStays},
      {"Pad", IfNothingAdded},
      {"Tile", IfOnes},
      {"Concat", IfOnlyOne},
      {"Sum", IfOnlyOne},
      {"Slice", IfEverythingInOrder},
      {"Add", IfNeutralOnEitherSide<0>},
      {"Sub", IfNeutralOnRight<0>},
      {"Mul", IfNeutralOnEitherSide<1>},
      {"Div", IfNeutralOnRight<1>},
  });
  return *questions;
}

class Elimination {
 public:
  explicit Elimination(Graph& graph) : graph_(graph) {}

  int Run() {
    int rewrites = 0;
    for (const onnx::NodeProto* node : graph_.nodes()) {
      const auto question = Questions().find(node->op_type());
      if (question == Questions().end() || node->output_size() == 0 || HasOtherResults(*node)) continue;
      const int input = question->second(graph_, *node);
      if (input != kNone && Eliminate(*node, input)) ++rewrites;
    }
    if (rewrites > 0) {
      edits_.Apply(graph_);
      graph_.RemoveDeadNodes();
    }
    return rewrites;
  }

 private:
  bool HasOtherResults(const onnx::NodeProto& node) {
    for (int i = 1; i < node.output_size(); ++i) {
      const std::string& output = node.output(i);
      if (!output.empty() && (!graph_.Consumers(output).empty() || graph_.IsGraphOutput(output))) return true;
    }
    return false;
  }

  bool Eliminate(const onnx::NodeProto& node, int index) {
    const std::string& output = node.output(0);
    const std::string input = edits_.Resolve(node.input(index));
    if (!graph_.IsGraphOutput(output)) {
      edits_.ReplaceUses(output, input);
      edits_.Remove(&node);
      return true;
    }
    // Who writes the input shall write the output instead.
    onnx::NodeProto* producer = graph_.Producer(input);
    if (producer == nullptr || graph_.IsGraphOutput(input)) return false;
    const auto position = std::find(producer->output().begin(), producer->output().end(), input);
    if (position == producer->output().end()) return false;
    edits_.SetOutput(producer, static_cast<int>(position - producer->output().begin()), output);
    edits_.ReplaceUses(input, output);
    edits_.Remove(&node);
    return true;
  }

  Graph& graph_;
  GraphEdits edits_;
};

std::vector<int64_t> OrderOf(Graph& graph, const onnx::NodeProto& transpose) {
  std::vector<int64_t> order = IntsAttribute(transpose, "perm");
  if (!order.empty()) return order;
  const auto shape = graph.Shape(transpose.input(0));
  if (!shape.has_value()) return {};
  for (size_t i = shape->size(); i > 0; --i) order.push_back(static_cast<int64_t>(i) - 1);
  return order;
}

// One of two Transposes in a row; the first stays for others who read it.
int JoinTransposes(Graph& graph) {
  struct Joined {
    onnx::NodeProto* node;
    std::string source;
    std::vector<int64_t> order;
  };
  std::vector<Joined> joined;
  for (onnx::NodeProto* node : graph.nodes()) {
    if (node->op_type() != "Transpose") continue;
    const onnx::NodeProto* before = graph.Producer(node->input(0));
    if (before == nullptr || before->op_type() != "Transpose") continue;
    const std::vector<int64_t> first = OrderOf(graph, *before);
    const std::vector<int64_t> second = OrderOf(graph, *node);
    if (first.empty() || first.size() != second.size()) continue;
    std::vector<int64_t> order;
    order.reserve(second.size());
    for (const int64_t axis : second) order.push_back(first[static_cast<size_t>(axis)]);
    joined.push_back({node, before->input(0), std::move(order)});
  }
  for (const Joined& one : joined) {
    SetIntsAttribute(one.node, "perm", one.order);
    graph.SetInput(one.node, 0, one.source);
  }
  if (!joined.empty()) graph.RemoveDeadNodes();
  return static_cast<int>(joined.size());
}

}  // namespace

absl::StatusOr<int> EliminateIdentity::Run(Graph& graph) const {
  int total = 0;
  // Each round of joining halves a row of Transposes, and may leave one that changes nothing.
  while (true) {
    const int rewrites = JoinTransposes(graph) + Elimination(graph).Run();
    if (rewrites == 0) return total;
    total += rewrites;
  }
}

}  // namespace joinery::compiler
