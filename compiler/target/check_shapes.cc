#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/ir/tensor.h"
#include "compiler/target/check_rule.h"
#include "compiler/target/node_facts.h"

namespace joinery::compiler {
namespace {

// What limits list of values are made for: strides, steps, scales.
constexpr int64_t kMostValues = 64;

bool IsPowerOfTwoWithin(double value, double smallest, double largest) {
  int exponent = 0;
  return value > 0 && std::frexp(value, &exponent) == 0.5 && value >= smallest && value <= largest;
}

// The first value of the constant that the limit does not allow.
std::optional<double> WrongValue(const std::vector<double>& values, const v1::ShapeLimit& limit) {
  for (const double value : values) {
    bool fits = limit.values_size() == 0;
    for (const double allowed : limit.values()) fits |= value == allowed;
    if (limit.has_min_power_of_two() && limit.has_max_power_of_two()) {
      fits &= IsPowerOfTwoWithin(value, limit.min_power_of_two(), limit.max_power_of_two());
    }
    if (!fits) return value;
  }
  return std::nullopt;
}

std::string AllowedValues(const v1::ShapeLimit& limit) {
  if (limit.values_size() > 0) return absl::StrJoin(limit.values(), " or ");
  return absl::StrCat("powers of two from ", limit.min_power_of_two(), " to ", limit.max_power_of_two());
}

std::string Name(const v1::ShapeLimit& limit) {
  return absl::StrCat(limit.of_output() ? "output " : "input ", limit.index());
}

std::string CheckRank(const v1::ShapeLimit& limit, const std::vector<int64_t>& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  const bool is_low = limit.has_min_rank() && rank < limit.min_rank();
  const bool is_high = limit.has_max_rank() && rank > limit.max_rank();
  if (!is_low && !is_high) return "";
  std::string allowed = absl::StrCat(is_low ? "at least " : "at most ", is_low ? limit.min_rank() : limit.max_rank());
  if (limit.min_rank() == limit.max_rank()) allowed = absl::StrCat("exactly ", limit.max_rank());
  return absl::StrCat("has ", rank, " dimensions, supported are ", allowed);
}

std::string CheckExtent(const v1::ShapeLimit& limit, const std::vector<int64_t>& shape, int64_t channels) {
  const int64_t elements = NumElements(shape);
  for (const int64_t dimension : shape) {
    if (limit.has_max_dimension() && dimension > limit.max_dimension()) {
      return absl::StrCat("has a dimension of ", dimension, ", supported are at most ", limit.max_dimension());
    }
  }
  if (limit.has_max_elements() && elements > limit.max_elements()) {
    return absl::StrCat("has ", elements, " elements, supported are at most ", limit.max_elements());
  }
  if (limit.one_per_channel() && elements != 1 && channels > 0 && elements != channels) {
    return absl::StrCat("has ", elements, " elements for ", channels, " channels, supported is one for each");
  }
  return "";
}

int64_t Channels(Graph& graph, const onnx::NodeProto& node) {
  const std::string first = TensorAt(node, 0, /*of_output=*/false);
  const auto shape = graph.Shape(first);
  return shape.has_value() && shape->size() >= 2 ? (*shape)[1] : 0;
}

// What is wrong with the tensor, or "".
std::string CheckTensor(Graph& graph, const onnx::NodeProto& node, const v1::ShapeLimit& limit,
                        const std::string& tensor) {
  if (limit.absent()) return "is given, which is not supported";
  const onnx::TensorProto* constant = limit.of_output() ? nullptr : ConstantInput(graph, node, limit.index());
  if (limit.constant() && constant == nullptr) return "is computed, only a constant is supported";
  if (constant != nullptr && (limit.values_size() > 0 || limit.has_min_power_of_two())) {
    const std::optional<std::vector<double>> values = SmallConstant(*constant, kMostValues);
    const std::optional<double> wrong = values.has_value() ? WrongValue(*values, limit) : std::nullopt;
    if (wrong.has_value()) return absl::StrCat("holds ", *wrong, ", supported are ", AllowedValues(limit));
  }
  std::optional<std::vector<int64_t>> shape = graph.Shape(tensor);
  if (constant != nullptr) shape.emplace(constant->dims().begin(), constant->dims().end());
  if (!shape.has_value()) return "";
  const std::string rank = CheckRank(limit, *shape);
  return rank.empty() ? CheckExtent(limit, *shape, Channels(graph, node)) : rank;
}

}  // namespace

int64_t InputRank(Graph& graph, const onnx::NodeProto& node) {
  const auto shape = graph.Shape(TensorAt(node, 0, /*of_output=*/false));
  return shape.has_value() ? static_cast<int64_t>(shape->size()) : -1;
}

void CheckShapes(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule,
                 std::vector<Violation>& violations) {
  for (const v1::ShapeLimit& limit : rule.shapes()) {
    const std::string tensor = TensorAt(node, limit.index(), limit.of_output());
    if (tensor.empty()) continue;
    const std::string wrong = CheckTensor(graph, node, limit, tensor);
    if (wrong.empty()) continue;
    violations.push_back(
        {absl::StrCat(Name(limit), " ", wrong, limit.note().empty() ? "" : absl::StrCat(" (", limit.note(), ")")),
         limit.change()});
  }
}

}  // namespace joinery::compiler
