#include "compiler/frontend/check_operators.h"

#include <functional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/graph.h"
#include "onnx/defs/schema.h"

namespace joinery::compiler {
namespace {

// What ONNX 1.21 and ONNX Runtime 1.29 both know.
constexpr int64_t kNewestIrVersion = 13;
constexpr int64_t kNewestOpset = 26;
constexpr int64_t kNewestMlOpset = 5;
constexpr char kMlDomain[] = "ai.onnx.ml";

using Nodes = google::protobuf::RepeatedPtrField<onnx::NodeProto>;

std::string Normalized(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

std::string FunctionKey(const std::string& domain, const std::string& name) {
  return absl::StrCat(Normalized(domain), "::", name);
}

absl::Status ForEachNode(const Nodes& nodes, const std::function<absl::Status(const onnx::NodeProto&)>& visit) {
  for (const onnx::NodeProto& node : nodes) {
    RETURN_IF_ERROR(visit(node));
    for (const onnx::AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) RETURN_IF_ERROR(ForEachNode(attribute.g().node(), visit));
      for (const onnx::GraphProto& graph : attribute.graphs()) RETURN_IF_ERROR(ForEachNode(graph.node(), visit));
    }
  }
  return absl::OkStatus();
}

// The versions of operator sets that a model or function imports.
class Opsets {
 public:
  explicit Opsets(const google::protobuf::RepeatedPtrField<onnx::OperatorSetIdProto>& imports) {
    for (const onnx::OperatorSetIdProto& opset : imports) versions_[Normalized(opset.domain())] = opset.version();
  }

  absl::Status Check(const onnx::NodeProto& node) const {
    const std::string domain = Normalized(node.domain());
    if (domain == "com.microsoft" && (node.op_type() == "QuantizeLinear" || node.op_type() == "DequantizeLinear")) {
      return absl::OkStatus();  // Taken in with the model's quantization, or refused there.
    }
    if (!domain.empty() && domain != kMlDomain) {
      return absl::UnimplementedError(absl::StrCat("node ", Describe(node), " asks for the operator \"", domain,
                                                   "::", node.op_type(), "\": operators outside of ONNX's own set are ",
                                                   "not supported"));
    }
    const auto found = versions_.find(domain);
    if (found == versions_.end()) {
      return absl::InvalidArgumentError(absl::StrCat("node ", Describe(node), " is of the domain \"", node.domain(),
                                                     "\", of which the model imports no opset"));
    }
    const int version = static_cast<int>(found->second);
    const onnx::OpSchema* schema = onnx::OpSchemaRegistry::Schema(node.op_type(), version, domain);
    if (schema != nullptr && !schema->Deprecated()) return absl::OkStatus();
    return absl::UnimplementedError(absl::StrCat("node ", Describe(node), ": there is no operator \"", node.op_type(),
                                                 "\" in opset ", version, Hint(node, domain)));
  }

 private:
  static std::string Hint(const onnx::NodeProto& node, const std::string& domain) {
    const onnx::OpSchema* newest = onnx::OpSchemaRegistry::Schema(node.op_type(), domain);
    if (newest == nullptr) return " nor in any other";
    if (newest->Deprecated()) return absl::StrCat("; it was taken out with opset ", newest->SinceVersion());
    return absl::StrCat("; opset ", newest->SinceVersion(), " has it");
  }

  std::unordered_map<std::string, int64_t> versions_;
};

// How many nodes a call of each function becomes.
class FunctionSizes {
 public:
  FunctionSizes(const onnx::ModelProto& model, int64_t most) : most_(most) {
    for (const onnx::FunctionProto& function : model.functions()) {
      functions_[FunctionKey(function.domain(), function.name())] = &function;
    }
  }

  absl::StatusOr<int64_t> Count(const Nodes& nodes) {
    int64_t total = 0;
    RETURN_IF_ERROR(ForEachNode(nodes, [&](const onnx::NodeProto& node) -> absl::Status {
      const auto function = functions_.find(FunctionKey(node.domain(), node.op_type()));
      if (function == functions_.end()) {
        ++total;
        return absl::OkStatus();
      }
      ASSIGN_OR_RETURN(const int64_t size, OfFunction(function->first, *function->second));
      total += size;
      if (total <= most_) return absl::OkStatus();
      return absl::InvalidArgumentError(absl::StrCat("with its functions written out the model has more than the ",
                                                     most_, " nodes that are allowed"));
    }));
    return total;
  }

 private:
  absl::StatusOr<int64_t> OfFunction(const std::string& key, const onnx::FunctionProto& function) {
    if (const auto known = sizes_.find(key); known != sizes_.end()) return known->second;
    if (!open_.insert(key).second) {
      return absl::InvalidArgumentError(absl::StrCat("the function \"", function.name(), "\" calls itself"));
    }
    ASSIGN_OR_RETURN(const int64_t size, Count(function.node()));
    open_.erase(key);
    sizes_[key] = size;
    return size;
  }

  int64_t most_;
  std::unordered_map<std::string, const onnx::FunctionProto*> functions_;
  std::unordered_map<std::string, int64_t> sizes_;
  std::unordered_set<std::string> open_;
};

}  // namespace

absl::Status CheckVersions(const onnx::ModelProto& model) {
  if (!model.has_graph() || model.graph().ByteSizeLong() == 0 || model.ir_version() <= 0) {
    return absl::InvalidArgumentError("this is not an ONNX model: it has no graph or no IR version");
  }
  if (model.ir_version() > kNewestIrVersion) {
    return absl::InvalidArgumentError(absl::StrCat("the model has IR version ", model.ir_version(),
                                                   ", the newest one supported is ", kNewestIrVersion,
                                                   "; export it for an older version of ONNX"));
  }
  std::set<std::string> domains;
  for (const onnx::OperatorSetIdProto& opset : model.opset_import()) {
    const std::string domain = Normalized(opset.domain());
    if (!domains.insert(domain).second) {
      return absl::InvalidArgumentError(absl::StrCat("the model imports the opset of \"", domain, "\" twice"));
    }
    const int64_t newest = domain.empty() ? kNewestOpset : kNewestMlOpset;
    if (!domain.empty() && domain != kMlDomain) continue;  // Nodes that use it are refused one by one.
    if (opset.version() < 1 || opset.version() > newest) {
      return absl::InvalidArgumentError(absl::StrCat("the model uses opset ", opset.version(), " of ",
                                                     domain.empty() ? "ai.onnx" : domain, ", supported are 1 to ",
                                                     newest));
    }
  }
  if (!domains.contains("")) return absl::InvalidArgumentError("the model names no opset: it is not an ONNX model");
  return absl::OkStatus();
}

absl::Status CheckOperators(const onnx::ModelProto& model) {
  std::unordered_set<std::string> functions;
  for (const onnx::FunctionProto& function : model.functions()) {
    functions.insert(FunctionKey(function.domain(), function.name()));
  }
  const auto check_with = [&](const Opsets& opsets) {
    return [&functions, &opsets](const onnx::NodeProto& node) -> absl::Status {
      if (functions.contains(FunctionKey(node.domain(), node.op_type()))) return absl::OkStatus();
      return opsets.Check(node);
    };
  };
  const Opsets of_model(model.opset_import());
  RETURN_IF_ERROR(ForEachNode(model.graph().node(), check_with(of_model)));
  for (const onnx::FunctionProto& function : model.functions()) {
    const Opsets of_function(function.opset_import());
    RETURN_IF_ERROR(base::Annotate(ForEachNode(function.node(), check_with(of_function)),
                                   absl::StrCat("in function \"", function.name(), "\"")));
  }
  return absl::OkStatus();
}

absl::Status CheckFunctions(const onnx::ModelProto& model, const ModelLimits& limits) {
  if (model.functions_size() > limits.max_functions) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model has ", model.functions_size(), " functions, allowed are ", limits.max_functions));
  }
  FunctionSizes sizes(model, limits.max_nodes);
  for (const onnx::FunctionProto& function : model.functions()) {
    RETURN_IF_ERROR(sizes.Count(function.node()).status());
  }
  return sizes.Count(model.graph().node()).status();
}

}  // namespace joinery::compiler
