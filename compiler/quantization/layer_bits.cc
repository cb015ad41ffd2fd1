#include "compiler/quantization/layer_bits.h"

#include <re2/re2.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"

namespace joinery::compiler {
namespace {

using NodeSet = std::unordered_set<const onnx::NodeProto*>;

// How specific a setting is: the later of two equal ones wins.
enum class Specificity { kAll, kSubgraph, kOperator, kName };

struct Setting {
  Specificity specificity;
  v1::LayerBits bits;
};

class Resolver {
 public:
  Resolver(Graph& graph, std::vector<std::string>& notes) : graph_(graph), notes_(notes) {}

  absl::Status Apply(const v1::LayerFormat& format) {
    for (const std::string& name : format.node_names()) {
      SetWhere(Specificity::kName, format.bits(), absl::StrCat("layer \"", name, "\""),
               [&](const onnx::NodeProto& node) { return node.name() == name || MakesTensor(node, name); });
    }
    for (const std::string& pattern : format.node_name_patterns()) {
      const re2::RE2 expression(pattern, re2::RE2::Quiet);
      if (!expression.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("layer pattern \"", pattern, "\" is no regular expression: ", expression.error()));
      }
      SetWhere(Specificity::kName, format.bits(), absl::StrCat("layer pattern \"", pattern, "\""),
               [&](const onnx::NodeProto& node) { return re2::RE2::FullMatch(NameOf(node), expression); });
    }
    for (const std::string& op_type : format.op_types()) {
      SetWhere(Specificity::kOperator, format.bits(), absl::StrCat("operator ", op_type),
               [&](const onnx::NodeProto& node) { return node.op_type() == op_type; });
    }
    const bool names_start = format.start_tensors_size() > 0;
    const bool names_end = format.end_tensors_size() > 0;
    if (names_start || names_end) {
      // A side that names no tensor reaches to the end of the model.
      const NodeSet downstream = Downstream(format.start_tensors());
      const NodeSet upstream = Upstream(format.end_tensors());
      SetWhere(Specificity::kSubgraph, format.bits(), "the part between the given tensors",
               [&](const onnx::NodeProto& node) {
                 return (!names_start || downstream.contains(&node)) && (!names_end || upstream.contains(&node));
               });
    } else if (NamesNoNodes(format)) {
      SetWhere(Specificity::kAll, format.bits(), "every layer", [](const onnx::NodeProto&) { return true; });
    }
    return absl::OkStatus();
  }

  BitsOfNode Result() && {
    return [settings = std::move(settings_)](const onnx::NodeProto& node) {
      const auto found = settings.find(&node);
      return found == settings.end() ? v1::LAYER_BITS_UNSPECIFIED : found->second.bits;
    };
  }

 private:
  // What the report calls the node.
  static const std::string& NameOf(const onnx::NodeProto& node) {
    return node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
  }

  static bool NamesNoNodes(const v1::LayerFormat& format) {
    return format.node_names().empty() && format.node_name_patterns().empty() && format.op_types().empty();
  }

  static bool MakesTensor(const onnx::NodeProto& node, const std::string& tensor) {
    return std::find(node.output().begin(), node.output().end(), tensor) != node.output().end();
  }

  template <typename Predicate>
  void SetWhere(Specificity specificity, v1::LayerBits bits, const std::string& what, const Predicate& matches) {
    bool is_used = false;
    for (const onnx::NodeProto* node : graph_.nodes()) {
      if (!matches(*node)) continue;
      is_used = true;
      Setting& setting = settings_.try_emplace(node, Setting{specificity, bits}).first->second;
      if (specificity >= setting.specificity) setting = {specificity, bits};
    }
    if (!is_used) notes_.push_back(absl::StrCat(what, " is configured, but the simplified model has no such node"));
  }

  template <typename Names>
  NodeSet Downstream(const Names& tensors) {
    std::unordered_set<std::string> reached(tensors.begin(), tensors.end());
    NodeSet nodes;
    for (const onnx::NodeProto* node : graph_.nodes()) {
      bool reads = false;
      ForEachInput(*node, [&](const std::string& input) { reads = reads || reached.contains(input); });
      if (!reads) continue;
      nodes.insert(node);
      reached.insert(node->output().begin(), node->output().end());
    }
    return nodes;
  }

  template <typename Names>
  NodeSet Upstream(const Names& tensors) {
    std::unordered_set<std::string> needed(tensors.begin(), tensors.end());
    NodeSet upstream;
    std::vector<onnx::NodeProto*> nodes = graph_.nodes();
    std::reverse(nodes.begin(), nodes.end());
    for (const onnx::NodeProto* node : nodes) {
      const bool makes = std::any_of(node->output().begin(), node->output().end(),
                                     [&](const std::string& output) { return needed.contains(output); });
      if (!makes) continue;
      upstream.insert(node);
      ForEachInput(*node, [&](const std::string& input) { needed.insert(input); });
    }
    return upstream;
  }

  Graph& graph_;
  std::vector<std::string>& notes_;
  std::unordered_map<const onnx::NodeProto*, Setting> settings_;
};

}  // namespace

absl::StatusOr<BitsOfNode> ResolveLayerFormats(const v1::Quantization& quantization, Graph& graph,
                                               std::vector<std::string>& notes) {
  if (quantization.layers().empty()) return BitsOfNode();
  Resolver resolver(graph, notes);
  for (const v1::LayerFormat& format : quantization.layers()) {
    if (const absl::Status status = resolver.Apply(format); !status.ok()) return status;
  }
  return std::move(resolver).Result();
}

}  // namespace joinery::compiler
