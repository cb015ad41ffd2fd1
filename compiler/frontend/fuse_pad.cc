#include "compiler/frontend/fuse_pad.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// ONNX's order: all begins, then all ends.
using Pads = std::vector<int64_t>;

bool IsZero(const onnx::TensorProto& tensor) {
  const absl::StatusOr<Tensor> value = ToTensor(tensor);
  return value.ok() &&
         std::all_of(value->bytes.begin(), value->bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

// What `pad` adds to each dimension of its input of `rank` dimensions, if it adds constant zeros.
std::optional<Pads> FullPads(Graph& graph, const onnx::NodeProto& pad, size_t rank) {
  if (StringAttribute(pad, "mode", "constant") != "constant" || pad.input_size() < 2) return std::nullopt;
  if (pad.input_size() > 2 && !pad.input(2).empty()) {
    const onnx::TensorProto* value = graph.Initializer(pad.input(2));
    if (value == nullptr || !IsZero(*value)) return std::nullopt;
  }
  const onnx::TensorProto* pads = graph.Initializer(pad.input(1));
  if (pads == nullptr) return std::nullopt;
  const absl::StatusOr<std::vector<int64_t>> given = IntValues(*pads);
  if (!given.ok()) return std::nullopt;
  std::vector<int64_t> axes(rank);
  for (size_t i = 0; i < rank; ++i) axes[i] = static_cast<int64_t>(i);
  if (pad.input_size() > 3 && !pad.input(3).empty()) {
    const onnx::TensorProto* tensor = graph.Initializer(pad.input(3));
    if (tensor == nullptr) return std::nullopt;
    absl::StatusOr<std::vector<int64_t>> values = IntValues(*tensor);
    if (!values.ok()) return std::nullopt;
    axes = *std::move(values);
  }
  if (given->size() != 2 * axes.size()) return std::nullopt;
  Pads full(2 * rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const int64_t axis = axes[i] < 0 ? axes[i] + static_cast<int64_t>(rank) : axes[i];
    if (axis < 0 || axis >= static_cast<int64_t>(rank)) return std::nullopt;
    full[static_cast<size_t>(axis)] = (*given)[i];
    full[static_cast<size_t>(axis) + rank] = (*given)[i + axes.size()];
  }
  return full;
}

// The pads of the spatial dimensions, if there are no others and none is negative.
std::optional<Pads> SpatialPads(Graph& graph, const onnx::NodeProto& pad) {
  const auto shape = graph.Shape(pad.input(0));
  if (!shape.has_value() || shape->size() < 3) return std::nullopt;
  const size_t rank = shape->size();
  const std::optional<Pads> full = FullPads(graph, pad, rank);
  if (!full.has_value()) return std::nullopt;
  Pads spatial;
  for (size_t i = 0; i < full->size(); ++i) {
    const bool is_spatial = i % rank >= 2;
    // More than this is no padding, and sums of it could overflow.
    if ((*full)[i] < 0 || (*full)[i] > int64_t{1} << 30 || (!is_spatial && (*full)[i] != 0)) return std::nullopt;
    if (is_spatial) spatial.push_back((*full)[i]);
  }
  return spatial;
}

// The node's own pads; nothing if they are computed from the input's size.
std::optional<Pads> OwnPads(const onnx::NodeProto& node, size_t count) {
  const std::string auto_pad = StringAttribute(node, "auto_pad", "NOTSET");
  if (auto_pad == "VALID") return Pads(count, 0);
  if (auto_pad != "NOTSET") return std::nullopt;
  Pads pads = IntsAttribute(node, "pads");
  if (pads.empty()) pads.resize(count, 0);
  if (pads.size() != count) return std::nullopt;
  return pads;
}

// Whether the sums over windows and what they are divided by stay the same when the pool itself pads.
bool MayPoolPad(const onnx::NodeProto& pool, const Pads& own, const Pads& sum) {
  const bool has_own = std::any_of(own.begin(), own.end(), [](int64_t pad) { return pad != 0; });
  if (IntAttribute(pool, "ceil_mode", 0) != 0) return false;
  if (has_own && IntAttribute(pool, "count_include_pad", 0) == 0) return false;
  const std::vector<int64_t> kernel = IntsAttribute(pool, "kernel_shape");
  for (size_t i = 0; i < sum.size(); ++i) {
    if (kernel.empty() || sum[i] >= kernel[i % kernel.size()]) return false;
  }
  return true;
}

void RemoveAttribute(onnx::NodeProto* node, const std::string& name) {
  auto* attributes = node->mutable_attribute();
  for (int i = attributes->size() - 1; i >= 0; --i) {
    if (attributes->Get(i).name() == name) attributes->DeleteSubrange(i, 1);
  }
}

// Returns whether `reader` took the padding over.
bool Fuse(const Pads& pads, onnx::NodeProto* reader) {
  const bool is_pool = reader->op_type() == "AveragePool";
  if (!is_pool && reader->op_type() != "Conv") return false;
  const std::optional<Pads> own = OwnPads(*reader, pads.size());
  if (!own.has_value()) return false;
  Pads sum = pads;
  for (size_t i = 0; i < sum.size(); ++i) sum[i] += (*own)[i];
  if (is_pool && !MayPoolPad(*reader, *own, sum)) return false;
  RemoveAttribute(reader, "auto_pad");
  SetIntsAttribute(reader, "pads", sum);
  if (is_pool) SetIntAttribute(reader, "count_include_pad", 1);
  return true;
}

}  // namespace

absl::StatusOr<int> FusePad::Run(Graph& graph) const {
  struct Rewiring {
    onnx::NodeProto* reader;
    std::string source;
  };
  std::vector<Rewiring> rewirings;
  for (const onnx::NodeProto* pad : graph.nodes()) {
    if (pad->op_type() != "Pad") continue;
    const std::optional<Pads> pads = SpatialPads(graph, *pad);
    if (!pads.has_value()) continue;
    for (onnx::NodeProto* reader : graph.Consumers(pad->output(0))) {
      const bool is_only_data = reader->input(0) == pad->output(0) &&
                                std::count(reader->input().begin(), reader->input().end(), pad->output(0)) == 1;
      if (is_only_data && Fuse(*pads, reader)) rewirings.push_back({reader, pad->input(0)});
    }
  }
  if (rewirings.empty()) return 0;
  for (const Rewiring& rewiring : rewirings) graph.SetInput(rewiring.reader, 0, rewiring.source);
  graph.RemoveDeadNodes();
  return static_cast<int>(rewirings.size());
}

}  // namespace joinery::compiler
