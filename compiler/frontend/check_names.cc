#include "compiler/frontend/check_names.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/graph.h"

namespace joinery::compiler {
namespace {

// Control characters, and those that turn the direction of the text around them: both make a name look like another.
bool IsControl(uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point < 0xa0) ||
         (code_point >= 0x200e && code_point <= 0x200f) || (code_point >= 0x2028 && code_point <= 0x202e) ||
         (code_point >= 0x2066 && code_point <= 0x2069);
}

// Whether the name is UTF-8 that shows as what it is.
bool IsPrintable(std::string_view name) {
  size_t i = 0;
  while (i < name.size()) {
    const auto first = static_cast<unsigned char>(name[i]);
    const size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || i + length > name.size()) return false;
    uint32_t code_point = length == 1 ? first : first & (0xffU >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(name[i + k]);
      if ((next & 0xc0U) != 0x80U) return false;
      code_point = code_point << 6U | (next & 0x3fU);
    }
    const bool is_overlong = (length == 3 && code_point < 0x800) || (length == 4 && code_point < 0x10000);
    const bool is_surrogate = code_point >= 0xd800 && code_point < 0xe000;
    if (is_overlong || is_surrogate || code_point > 0x10ffff || IsControl(code_point)) return false;
    i += length;
  }
  return true;
}

// A graph's names, and the graphs around it.
struct Scope {
  const Scope* outer;
  // Who writes the tensor: null for inputs and initializers.
  std::unordered_map<std::string_view, const onnx::NodeProto*> writers;

  bool Knows(std::string_view name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->outer) {
      if (scope->writers.contains(name)) return true;
    }
    return false;
  }
};

class NameCheck {
 public:
  explicit NameCheck(const ModelLimits& limits) : limits_(limits) {}

  absl::Status OfModel(const onnx::ModelProto& model) {
    if (model.graph().output_size() == 0) {
      return absl::InvalidArgumentError("the graph has no outputs: there is nothing to compute");
    }
    RETURN_IF_ERROR(OfGraph(model.graph(), nullptr, 0));
    for (const onnx::FunctionProto& function : model.functions()) RETURN_IF_ERROR(OfFunction(function));
    return absl::OkStatus();
  }

 private:
  absl::Status OfGraph(const onnx::GraphProto& graph, const Scope* outer, int depth) {
    if (depth > limits_.max_depth) {
      return absl::InvalidArgumentError(
          absl::StrCat("graphs are nested more than ", limits_.max_depth, " deep, in graph \"", graph.name(), "\""));
    }
    RETURN_IF_ERROR(CountNodes(graph.node_size()));
    Scope scope{outer, {}};
    RETURN_IF_ERROR(DefineInputs(graph, scope));
    for (const onnx::NodeProto& node : graph.node()) {
      RETURN_IF_ERROR(CheckNode(node));
      for (const std::string& output : node.output()) {
        if (!output.empty()) RETURN_IF_ERROR(DefineOutput(output, node, scope));
      }
    }
    for (const onnx::NodeProto& node : graph.node()) RETURN_IF_ERROR(CheckReads(node, scope, depth));
    return CheckOutputs(graph, scope);
  }

  absl::Status OfFunction(const onnx::FunctionProto& function) {
    RETURN_IF_ERROR(CountNodes(function.node_size()));
    RETURN_IF_ERROR(CheckName(function.name(), "a function's name"));
    for (const onnx::NodeProto& node : function.node()) {
      RETURN_IF_ERROR(CheckNode(node));
      for (const std::string& output : node.output()) RETURN_IF_ERROR(CheckName(output, "a tensor's name"));
      RETURN_IF_ERROR(CheckDepth(node, 0));
    }
    return absl::OkStatus();
  }

  absl::Status CheckDepth(const onnx::NodeProto& node, int depth) {
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (!attribute.has_g() && attribute.graphs_size() == 0) continue;
      if (depth >= limits_.max_depth) {
        return absl::InvalidArgumentError(absl::StrCat("graphs are nested more than ", limits_.max_depth, " deep"));
      }
      RETURN_IF_ERROR(CheckDepth(attribute.g(), depth + 1));
      for (const onnx::GraphProto& graph : attribute.graphs()) RETURN_IF_ERROR(CheckDepth(graph, depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status CheckDepth(const onnx::GraphProto& graph, int depth) {
    RETURN_IF_ERROR(CountNodes(graph.node_size()));
    for (const onnx::NodeProto& node : graph.node()) RETURN_IF_ERROR(CheckDepth(node, depth));
    return absl::OkStatus();
  }

  absl::Status CountNodes(int count) {
    num_nodes_ += count;
    if (num_nodes_ <= limits_.max_nodes) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("the model has more than the ", limits_.max_nodes, " nodes that are allowed"));
  }

  absl::Status DefineInputs(const onnx::GraphProto& graph, Scope& scope) {
    for (const onnx::ValueInfoProto& input : graph.input()) {
      RETURN_IF_ERROR(Define(input.name(), "input", scope));
    }
    std::unordered_set<std::string_view> seen;
    const auto define_initializer = [&](const std::string& name) -> absl::Status {
      if (!seen.insert(name).second) {
        return absl::InvalidArgumentError(absl::StrCat("two initializers are called \"", name, "\""));
      }
      // An initializer may have the name of an input: it is the input's default then.
      if (scope.writers.contains(name)) return absl::OkStatus();
      return Define(name, "initializer", scope);
    };
    for (const onnx::TensorProto& tensor : graph.initializer()) RETURN_IF_ERROR(define_initializer(tensor.name()));
    for (const onnx::SparseTensorProto& sparse : graph.sparse_initializer()) {
      RETURN_IF_ERROR(define_initializer(sparse.values().name()));
    }
    return absl::OkStatus();
  }

  absl::Status Define(const std::string& name, std::string_view what, Scope& scope) {
    if (name.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("an ", std::string(what), " has no name"));
    }
    RETURN_IF_ERROR(CheckName(name, "a tensor's name"));
    if (scope.Knows(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the ", std::string(what), " \"", name, "\" has a name that another tensor has already"));
    }
    scope.writers.emplace(name, nullptr);
    return absl::OkStatus();
  }

  absl::Status DefineOutput(const std::string& name, const onnx::NodeProto& node, Scope& scope) {
    RETURN_IF_ERROR(CheckName(name, "a tensor's name"));
    if (!scope.Knows(name)) {
      scope.writers.emplace(name, &node);
      return absl::OkStatus();
    }
    const auto found = scope.writers.find(name);
    const bool is_node = found != scope.writers.end() && found->second != nullptr;
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor \"", name, "\" has two writers: node ", Describe(node), " and ",
        is_node ? absl::StrCat("node ", Describe(*found->second)) : "an input, initializer or outer node"));
  }

  absl::Status CheckNode(const onnx::NodeProto& node) {
    RETURN_IF_ERROR(CheckName(node.name(), "a node's name"));
    RETURN_IF_ERROR(CheckName(node.op_type(), "an operator's name"));
    return CheckName(node.domain(), "a domain's name");
  }

  absl::Status CheckReads(const onnx::NodeProto& node, const Scope& scope, int depth) {
    for (const std::string& input : node.input()) {
      if (input.empty() || scope.Knows(input)) continue;
      RETURN_IF_ERROR(CheckName(input, "a tensor's name"));
      return absl::InvalidArgumentError(
          absl::StrCat("node ", Describe(node), " reads tensor \"", input, "\", which nobody writes"));
    }
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) RETURN_IF_ERROR(OfGraph(attribute.g(), &scope, depth + 1));
      for (const onnx::GraphProto& graph : attribute.graphs()) RETURN_IF_ERROR(OfGraph(graph, &scope, depth + 1));
    }
    return absl::OkStatus();
  }

  absl::Status CheckOutputs(const onnx::GraphProto& graph, const Scope& scope) const {
    std::unordered_set<std::string_view> seen;
    for (const onnx::ValueInfoProto& output : graph.output()) {
      RETURN_IF_ERROR(CheckName(output.name(), "an output's name"));
      if (!scope.Knows(output.name())) {
        return absl::InvalidArgumentError(
            absl::StrCat("the output \"", output.name(), "\" is a tensor that nobody writes"));
      }
      // A branch may well give the same tensor twice, but to the caller of a model outputs are names.
      if (!seen.insert(output.name()).second && scope.outer == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat("two outputs are called \"", output.name(), "\""));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckName(const std::string& name, std::string_view what) const {
    constexpr size_t kShown = 64;
    if (name.size() > static_cast<size_t>(limits_.max_name_bytes)) {
      return absl::InvalidArgumentError(absl::StrCat(std::string(what), " is ", name.size(), " bytes long, more than ",
                                                     limits_.max_name_bytes, ": \"",
                                                     absl::CHexEscape(name.substr(0, kShown)), "...\""));
    }
    if (IsPrintable(name)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(std::string(what), " has control characters or is not UTF-8: \"",
                                                   absl::CHexEscape(name.substr(0, kShown)), "\""));
  }

  const ModelLimits& limits_;
  int64_t num_nodes_ = 0;
};

}  // namespace

absl::Status CheckNames(const onnx::ModelProto& model, const ModelLimits& limits) {
  return NameCheck(limits).OfModel(model);
}

}  // namespace joinery::compiler
