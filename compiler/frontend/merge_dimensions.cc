#include "compiler/frontend/merge_dimensions.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/match.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// Beyond this chips begin to lack operators.
constexpr size_t kMostDimensions = 4;

struct Transposition {
  // What goes in.
  std::vector<int64_t> shape;
  // Which of its dimensions each one that comes out is.
  std::vector<int64_t> order;
};

struct Match {
  onnx::NodeProto* reshape;
  onnx::NodeProto* transpose;
  onnx::NodeProto* reshape_behind;
  Transposition merged;
};

// The dimensions that stay together, each group in the order in which they come in, the groups as they come out.
std::vector<std::vector<int64_t>> Groups(const Transposition& before) {
  std::vector<int64_t> following(before.shape.size(), -1);
  int64_t last = -1;
  for (size_t i = 0; i < before.shape.size(); ++i) {
    if (before.shape[i] == 1) continue;
    if (last >= 0) following[static_cast<size_t>(last)] = static_cast<int64_t>(i);
    last = static_cast<int64_t>(i);
  }
  std::vector<std::vector<int64_t>> groups;
  for (const int64_t dimension : before.order) {
    if (before.shape[static_cast<size_t>(dimension)] == 1) continue;
    if (groups.empty() || following[static_cast<size_t>(groups.back().back())] != dimension) groups.emplace_back();
    groups.back().push_back(dimension);
  }
  return groups;
}

Transposition Merge(const Transposition& before) {
  const std::vector<std::vector<int64_t>> groups = Groups(before);
  std::vector<std::vector<int64_t>> coming_in = groups;
  std::sort(coming_in.begin(), coming_in.end());
  Transposition merged;
  // What has a batch keeps it.
  const bool has_batch = before.shape.front() == 1 && before.order.front() == 0 && groups.size() < kMostDimensions;
  if (has_batch) merged = {{1}, {0}};
  for (const std::vector<int64_t>& group : coming_in) {
    int64_t size = 1;
    for (const int64_t dimension : group) size *= before.shape[static_cast<size_t>(dimension)];
    merged.shape.push_back(size);
  }
  for (const std::vector<int64_t>& group : groups) {
    const auto place = std::find(coming_in.begin(), coming_in.end(), group) - coming_in.begin();
    merged.order.push_back(place + (has_batch ? 1 : 0));
  }
  return merged;
}

std::vector<int64_t> OrderOf(const onnx::NodeProto& transpose, size_t rank) {
  std::vector<int64_t> order = IntsAttribute(transpose, "perm");
  if (!order.empty()) return order;
  for (size_t i = rank; i > 0; --i) order.push_back(static_cast<int64_t>(i) - 1);
  return order;
}

// Whether the shape is a constant, and means the same for any input of as many elements.
bool NamesAllDimensions(Graph& graph, const onnx::NodeProto& reshape) {
  const onnx::TensorProto* shape = graph.Initializer(reshape.input(1));
  if (shape == nullptr) return false;
  const absl::StatusOr<Tensor> values = ToTensor(*shape);
  if (!values.ok() || values->element_type != onnx::TensorProto::INT64) return false;
  const absl::Span<const int64_t> sizes = values->values<int64_t>();
  return std::find(sizes.begin(), sizes.end(), 0) == sizes.end();
}

std::optional<Match> FindMatch(Graph& graph, onnx::NodeProto* transpose) {
  if (transpose->op_type() != "Transpose") return std::nullopt;
  onnx::NodeProto* reshape = ProducerOfType(graph, transpose->input(0), "Reshape");
  if (reshape == nullptr || OnlyReader(graph, transpose->input(0)) != transpose) return std::nullopt;
  onnx::NodeProto* behind = OnlyReader(graph, transpose->output(0));
  if (behind == nullptr || behind->op_type() != "Reshape" || behind->input(0) != transpose->output(0) ||
      !NamesAllDimensions(graph, *behind)) {
    return std::nullopt;
  }
  const auto shape = graph.Shape(transpose->input(0));
  if (!shape.has_value() || shape->size() <= kMostDimensions) return std::nullopt;
  const bool is_empty = std::any_of(shape->begin(), shape->end(), [](int64_t size) { return size <= 0; });
  const std::vector<int64_t> order = OrderOf(*transpose, shape->size());
  if (is_empty || order.size() != shape->size()) return std::nullopt;
  Transposition merged = Merge({*shape, order});
  if (merged.shape.empty() || merged.shape.size() > kMostDimensions) return std::nullopt;
  return Match{reshape, transpose, behind, std::move(merged)};
}

void Rewrite(Graph& graph, const Match& match) {
  const auto merged_name = [&](const std::string& tensor) {
    return graph.UniqueTensorName(absl::StrCat(tensor, "_merged"));
  };
  const std::string shape = graph.UniqueTensorName(absl::StrCat(match.reshape->output(0), "_shape"));
  graph.AddInitializer(Int64Proto(shape, {static_cast<int64_t>(match.merged.shape.size())}, match.merged.shape));
  graph.SetInput(match.reshape, 1, shape);
  // Other names, because they are other tensors.
  const std::string reshaped = merged_name(match.reshape->output(0));
  graph.SetOutput(match.reshape, 0, reshaped);
  graph.SetInput(match.transpose, 0, reshaped);
  SetIntsAttribute(match.transpose, "perm", match.merged.order);
  const std::string transposed = merged_name(match.transpose->output(0));
  graph.SetOutput(match.transpose, 0, transposed);
  graph.SetInput(match.reshape_behind, 0, transposed);
}

}  // namespace

absl::StatusOr<int> MergeDimensions::Run(Graph& graph) const {
  int rewrites = 0;
  for (onnx::NodeProto* node : graph.nodes()) {
    const std::optional<Match> match = FindMatch(graph, node);
    if (!match.has_value()) continue;
    Rewrite(graph, *match);
    ++rewrites;
  }
  if (rewrites > 0) graph.RemoveDeadNodes();
  return rewrites;
}

}  // namespace joinery::compiler
