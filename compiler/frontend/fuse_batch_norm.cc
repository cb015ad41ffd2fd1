#include "compiler/frontend/fuse_batch_norm.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/frontend/channel_affine.h"
#include "compiler/frontend/graph_edits.h"
#include "compiler/frontend/weight_editor.h"

namespace joinery::compiler {
namespace {

// The nodes after a convolution that can be folded into it, and what they do together.
struct Chain {
  std::vector<const onnx::NodeProto*> nodes;
  ChannelAffine affine;
};

std::optional<Chain> ChainAfter(Graph& graph, const onnx::NodeProto& head) {
  std::string tensor = head.output(0);
  const auto shape = graph.Shape(tensor);
  if (!shape.has_value()) return std::nullopt;
  Chain chain;
  while (true) {
    const std::vector<onnx::NodeProto*> readers = graph.Consumers(tensor);
    if (readers.size() != 1 || graph.IsGraphOutput(tensor)) break;
    const auto next = AffineOf(graph, *readers[0], tensor, *shape);
    if (!next.has_value()) break;
    if (chain.nodes.empty()) {
      chain.affine = *next;
    } else {
      Append(*next, chain.affine);
    }
    chain.nodes.push_back(readers[0]);
    tensor = readers[0]->output(0);
  }
  if (chain.nodes.empty()) return std::nullopt;
  return chain;
}

// The output channel that each weight of `node` belongs to repeats with this pattern: for the i-th weight it is
// (i / stride) % modulus, plus, for a ConvTranspose with groups, the group's first channel.
struct ChannelOfWeight {
  size_t stride;
  size_t modulus;
  size_t weights_per_group;

  size_t operator()(size_t i) const { return i / stride % modulus + i / weights_per_group * modulus; }
};

std::optional<ChannelOfWeight> FindChannels(const onnx::NodeProto& node, const onnx::TensorProto& weights,
                                            size_t channels) {
  const std::vector<int64_t> shape(weights.dims().begin(), weights.dims().end());
  const auto total = static_cast<size_t>(NumElements(shape));
  if (shape.size() < 2 || total == 0) return std::nullopt;
  if (node.op_type() == "ConvTranspose") {
    const auto groups = static_cast<size_t>(std::max<int64_t>(IntAttribute(node, "group", 1), 1));
    const auto inputs = static_cast<size_t>(shape[0]);
    const auto per_group = static_cast<size_t>(shape[1]);
    if (inputs % groups != 0 || per_group * groups != channels) return std::nullopt;
    return ChannelOfWeight{total / inputs / per_group, per_group, total / groups};
  }
  const bool is_last = node.op_type() == "Gemm" && IntAttribute(node, "transB", 0) == 0;
  if (static_cast<size_t>(shape[is_last ? 1 : 0]) != channels) return std::nullopt;
  return ChannelOfWeight{is_last ? 1 : total / channels, channels, total};
}

// The bias for each channel, zeros if there is none; nothing if it is not a constant of that form.
std::optional<std::vector<float>> BiasOf(Graph& graph, const onnx::NodeProto& node, size_t channels) {
  if (node.input_size() < 3 || node.input(2).empty()) return std::vector<float>(channels, 0.0F);
  const onnx::TensorProto* tensor = graph.Initializer(node.input(2));
  if (tensor == nullptr || tensor->data_type() != onnx::TensorProto::FLOAT) return std::nullopt;
  absl::StatusOr<std::vector<float>> values = FloatValues(*tensor);
  if (!values.ok()) return std::nullopt;
  const bool is_row =
      tensor->dims_size() <= 1 || tensor->dims(tensor->dims_size() - 1) == static_cast<int64_t>(channels);
  if (values->size() == 1) return std::vector<float>(channels, (*values)[0]);
  if (values->size() != channels || !is_row) return std::nullopt;
  return *std::move(values);
}

bool IsHead(const onnx::NodeProto& node) {
  const std::string& op = node.op_type();
  return (op == "Conv" || op == "ConvTranspose" || op == "Gemm") && node.input_size() >= 2 && node.output_size() == 1;
}

class Fusion {
 public:
  explicit Fusion(Graph& graph) : graph_(graph), editor_(graph) {}

  absl::StatusOr<int> Run() {
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (!IsHead(*node)) continue;
      ASSIGN_OR_RETURN(const int folded, FoldInto(node));
      rewrites_ += folded;
    }
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (node->op_type() == "BatchNormalization" && !edits_.IsRemoved(node)) Spell(node);
    }
    if (rewrites_ == 0) return 0;
    editor_.Apply();
    edits_.Apply(graph_);
    AddNodes();
    RETURN_IF_ERROR(graph_.SortTopologically());
    graph_.RemoveDeadNodes();
    return rewrites_;
  }

 private:
  // Returns how many nodes were folded.
  absl::StatusOr<int> FoldInto(onnx::NodeProto* head) {
    const std::optional<Chain> chain = ChainAfter(graph_, *head);
    if (!chain.has_value()) return 0;
    const ChannelAffine& affine = chain->affine;
    const size_t channels = affine.scale.size();
    const onnx::TensorProto* tensor = graph_.Initializer(head->input(1));
    if (tensor == nullptr || tensor->data_type() != onnx::TensorProto::FLOAT) return 0;
    const auto channel_of = FindChannels(*head, *tensor, channels);
    std::optional<std::vector<float>> bias = BiasOf(graph_, *head, channels);
    if (!channel_of.has_value() || !bias.has_value()) return 0;

    ASSIGN_OR_RETURN(std::vector<float> weights, FloatValues(*tensor));
    bool is_finite = true;
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i] = static_cast<float>(weights[i] * affine.scale[(*channel_of)(i)]);
      is_finite = is_finite && std::isfinite(weights[i]);
    }
    // Of a Gemm, alpha stays with the weights; beta is taken into the bias.
    const double beta = head->op_type() == "Gemm" ? FloatAttribute(*head, "beta", 1.0F) : 1.0;
    for (size_t c = 0; c < channels; ++c) {
      (*bias)[c] = static_cast<float>(beta * (*bias)[c] * affine.scale[c] + affine.shift[c]);
      is_finite = is_finite && std::isfinite((*bias)[c]);
    }
    if (!is_finite) return 0;

    const std::string& last = chain->nodes.back()->output(0);
    const bool is_scaled = std::any_of(affine.scale.begin(), affine.scale.end(), [](double s) { return s != 1.0; });
    if (is_scaled) {
      editor_.Replace(head, 1, {tensor->dims().begin(), tensor->dims().end()}, weights, last + "_weight");
    }
    editor_.Replace(head, 2, {static_cast<int64_t>(channels)}, *bias, last + "_bias");
    for (onnx::AttributeProto& attribute : *head->mutable_attribute()) {
      if (attribute.name() == "beta") attribute.set_f(1.0F);
    }
    for (const onnx::NodeProto* node : chain->nodes) edits_.Remove(node);
    edits_.SetOutput(head, 0, last);
    return static_cast<int>(chain->nodes.size());
  }

  // A BatchNormalization that has nothing to be folded into.
  void Spell(onnx::NodeProto* node) {
    if (node->input_size() == 0) return;
    const auto shape = graph_.Shape(node->input(0));
    if (!shape.has_value()) return;
    const auto affine = AffineOf(graph_, *node, node->input(0), *shape);
    if (!affine.has_value()) return;
    const std::vector<float> scale(affine->scale.begin(), affine->scale.end());
    const std::vector<float> shift(affine->shift.begin(), affine->shift.end());
    const auto channels = static_cast<int64_t>(scale.size());
    const std::string output = node->output(0);
    if (shape->size() == 2) {
      const std::string scaled = editor_.names().Tensor(output + "_scaled");
      new_nodes_.push_back(
          MakeNode("Mul", node->name(), {node->input(0), editor_.Add({channels}, scale, output + "_weight")}, scaled));
      new_nodes_.push_back(MakeNode("Add", node->name().empty() ? "" : editor_.names().Node(node->name() + "_shift"),
                                    {scaled, editor_.Add({channels}, shift, output + "_bias")}, output));
    } else {
      std::vector<int64_t> weight_shape(shape->size(), 1);
      weight_shape[0] = channels;
      onnx::NodeProto conv = MakeNode("Conv", node->name(),
                                      {node->input(0), editor_.Add(weight_shape, scale, output + "_weight"),
                                       editor_.Add({channels}, shift, output + "_bias")},
                                      output);
      SetIntAttribute(&conv, "group", channels);
      SetIntsAttribute(&conv, "kernel_shape", std::vector<int64_t>(shape->size() - 2, 1));
      new_nodes_.push_back(std::move(conv));
    }
    edits_.Remove(node);
    ++rewrites_;
  }

  static onnx::NodeProto MakeNode(const std::string& op_type, const std::string& name,
                                  const std::vector<std::string>& inputs, const std::string& output) {
    onnx::NodeProto node;
    node.set_op_type(op_type);
    if (!name.empty()) node.set_name(name);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
  }

  void AddNodes() {
    for (onnx::NodeProto& node : new_nodes_) {
      *graph_.mutable_model().mutable_graph()->add_node() = std::move(node);
    }
    graph_.Invalidate();
  }

  Graph& graph_;
  WeightEditor editor_;
  GraphEdits edits_;
  std::vector<onnx::NodeProto> new_nodes_;
  int rewrites_ = 0;
};

}  // namespace

absl::StatusOr<int> FuseBatchNorm::Run(Graph& graph) const { return Fusion(graph).Run(); }

}  // namespace joinery::compiler
