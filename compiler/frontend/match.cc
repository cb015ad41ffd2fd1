#include "compiler/frontend/match.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// Spelled-out activations are less deep; the limits keep hostile graphs from costing time.
constexpr int kMaxDepth = 8;
constexpr size_t kMaxFactors = 8;

std::optional<Cubic> Multiply(const Cubic& left, const Cubic& right) {
  Cubic product{};
  for (size_t i = 0; i < left.size(); ++i) {
    for (size_t j = 0; j < right.size(); ++j) {
      const double term = left[i] * right[j];
      if (term == 0) continue;
      if (i + j >= product.size()) return std::nullopt;
      product[i + j] += term;
    }
  }
  return product;
}

class CubicReader {
 public:
  CubicReader(Graph& graph, const std::string& x) : graph_(graph), x_(x) {}

  std::optional<Cubic> Read(const std::string& tensor, int depth) {
    if (tensor == x_) return Cubic{0, 1, 0, 0};
    if (const auto value = ScalarValue(graph_, tensor); value.has_value()) return Cubic{*value, 0, 0, 0};
    const onnx::NodeProto* node = graph_.Producer(tensor);
    if (node == nullptr || depth == 0 || node->input_size() != 2) return std::nullopt;
    const std::optional<Cubic> left = Read(node->input(0), depth - 1);
    if (!left.has_value()) return std::nullopt;
    const std::optional<Cubic> right = Read(node->input(1), depth - 1);
    if (!right.has_value()) return std::nullopt;
    return Combine(node->op_type(), *left, *right);
  }

 private:
  static std::optional<Cubic> Combine(const std::string& op_type, const Cubic& left, const Cubic& right) {
    const bool is_right_constant = right[1] == 0 && right[2] == 0 && right[3] == 0;
    if (op_type == "Mul") return Multiply(left, right);
    if (op_type == "Add" || op_type == "Sub") {
      Cubic sum = left;
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += op_type == "Add" ? right[i] : -right[i];
      return sum;
    }
    if (op_type == "Div" && is_right_constant && right[0] != 0) return Multiply(left, {1 / right[0], 0, 0, 0});
    if (op_type == "Pow" && is_right_constant && right[0] == 2) return Multiply(left, left);
    if (op_type == "Pow" && is_right_constant && right[0] == 3) {
      const std::optional<Cubic> square = Multiply(left, left);
      return square.has_value() ? Multiply(*square, left) : std::nullopt;
    }
    return std::nullopt;
  }

  Graph& graph_;
  const std::string& x_;
};

bool Flatten(Graph& graph, const std::string& tensor, int depth, Product& product);

bool FlattenNode(Graph& graph, const onnx::NodeProto& node, int depth, Product& product) {
  if (node.op_type() == "Mul") {
    return Flatten(graph, node.input(0), depth, product) && Flatten(graph, node.input(1), depth, product);
  }
  const std::optional<double> divisor = ScalarValue(graph, node.input(1));
  if (!divisor.has_value() || *divisor == 0) return false;
  product.constant /= *divisor;
  return Flatten(graph, node.input(0), depth, product);
}

bool Flatten(Graph& graph, const std::string& tensor, int depth, Product& product) {
  if (const std::optional<double> value = ScalarValue(graph, tensor); value.has_value()) {
    product.constant *= *value;
    return true;
  }
  const onnx::NodeProto* node = graph.Producer(tensor);
  // What others read as well is no step on the way.
  const bool is_step =
      node != nullptr && depth > 0 && OnlyReader(graph, tensor) != nullptr &&
      (node->op_type() == "Mul" || (node->op_type() == "Div" && ScalarValue(graph, node->input(1)).has_value()));
  if (is_step) return FlattenNode(graph, *node, depth - 1, product);
  product.factors.push_back(tensor);
  return product.factors.size() <= kMaxFactors;
}

}  // namespace

onnx::NodeProto* ProducerOfType(Graph& graph, const std::string& tensor, absl::string_view op_type) {
  onnx::NodeProto* node = graph.Producer(tensor);
  return node != nullptr && op_type == node->op_type() ? node : nullptr;
}

onnx::NodeProto* OnlyReader(Graph& graph, const std::string& tensor) {
  const std::vector<onnx::NodeProto*> readers = graph.Consumers(tensor);
  return readers.size() == 1 && !graph.IsGraphOutput(tensor) ? readers[0] : nullptr;
}

std::optional<double> ScalarValue(Graph& graph, const std::string& tensor) {
  const onnx::TensorProto* constant = graph.Initializer(tensor);
  if (constant == nullptr || constant->data_type() != onnx::TensorProto::FLOAT) return std::nullopt;
  const bool is_scalar =
      std::all_of(constant->dims().begin(), constant->dims().end(), [](int64_t size) { return size == 1; });
  if (!is_scalar) return std::nullopt;
  const absl::StatusOr<std::vector<float>> values = FloatValues(*constant);
  if (!values.ok() || values->size() != 1) return std::nullopt;
  return values->front();
}

bool IsAbout(double value, double expected) {
  constexpr double kTolerance = 2e-5;
  return std::fabs(value - expected) <= kTolerance * std::max(std::fabs(expected), 1e-2);
}

std::optional<Cubic> AsCubic(Graph& graph, const std::string& tensor, const std::string& x) {
  return CubicReader(graph, x).Read(tensor, kMaxDepth);
}

std::optional<Product> AsProduct(Graph& graph, const onnx::NodeProto& node) {
  if (node.op_type() != "Mul" && node.op_type() != "Div") return std::nullopt;
  Product product;
  if (!FlattenNode(graph, node, kMaxDepth, product)) return std::nullopt;
  return product;
}

std::optional<Bounds> ClipBounds(Graph& graph, const onnx::NodeProto& node) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (node.op_type() == "Relu") return Bounds{0, kInfinity};
  if (node.op_type() != "Clip") return std::nullopt;
  Bounds bounds{-kInfinity, kInfinity};
  for (int i = 1; i < node.input_size(); ++i) {
    if (node.input(i).empty()) continue;
    const std::optional<double> value = ScalarValue(graph, node.input(i));
    if (!value.has_value()) return std::nullopt;
    (i == 1 ? bounds.low : bounds.high) = *value;
  }
  return bounds;
}

void Rewrite(onnx::NodeProto* node, absl::string_view op_type, absl::Span<const std::string> inputs) {
  node->set_op_type(std::string(op_type));
  node->clear_attribute();
  node->clear_input();
  for (const std::string& input : inputs) node->add_input(input);
}

void SetFloatAttribute(onnx::NodeProto* node, absl::string_view name, float value) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(std::string(name));
  attribute->set_type(onnx::AttributeProto::FLOAT);
  attribute->set_f(value);
}

}  // namespace joinery::compiler
