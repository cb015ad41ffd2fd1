#include "compiler/target/support.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/ir/tensor.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/target/check_rule.h"
#include "compiler/target/node_facts.h"

namespace joinery::compiler {
namespace {

using Placement = Support::Placement;

Support OnCpu(std::string reason, std::string change) {
  Support support;
  support.placement = Placement::kCpu;
  support.reason = std::move(reason);
  support.change = std::move(change);
  return support;
}

const v1::OperatorRule* RuleFor(const onnx::NodeProto& node, const v1::TargetDescription& target) {
  const std::string domain = node.domain() == "ai.onnx" ? "" : node.domain();
  for (const v1::OperatorRule& rule : target.operators()) {
    if (rule.op_type() == node.op_type() && rule.domain() == domain) return &rule;
  }
  return nullptr;
}

// With 8 bits an element, the least that it can have: a tensor that alone exceeds the memory runs nowhere.
std::string TooLarge(Graph& graph, const onnx::NodeProto& node, const v1::TargetDescription& target) {
  const double memory = target.memory().dram_bytes().value();
  if (memory <= 0) return "";
  const auto check = [&](const std::string& tensor) -> std::string {
    const auto shape = graph.Shape(tensor);
    if (!shape.has_value() || static_cast<double>(NumElements(*shape)) <= memory) return "";
    return absl::StrCat("tensor \"", tensor, "\" of ", FormatShape(*shape), " is larger than the ", target.name(),
                        "'s memory of ", static_cast<int64_t>(memory), " bytes");
  };
  for (const std::string& input : node.input()) {
    if (std::string wrong = check(input); !wrong.empty()) return wrong;
  }
  for (const std::string& output : node.output()) {
    if (std::string wrong = check(output); !wrong.empty()) return wrong;
  }
  return "";
}

void CheckProducer(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule,
                   std::vector<Violation>& violations) {
  if (rule.after_size() == 0) return;
  const onnx::NodeProto* producer = graph.Producer(TensorAt(node, 0, /*of_output=*/false));
  const std::string made_by = producer == nullptr ? "an input" : producer->op_type();
  if (std::find(rule.after().begin(), rule.after().end(), made_by) != rule.after().end()) return;
  const std::string wanted = absl::StrJoin(rule.after(), " or ");
  violations.push_back({absl::StrCat("follows ", made_by, ", supported is only right after ", wanted),
                        absl::StrCat("move it right after a ", wanted)});
}

// What Cast makes, which is an attribute with a number for a name.
void CheckTargetType(const onnx::NodeProto& node, const v1::OperatorRule& rule, std::vector<Violation>& violations) {
  if (rule.target_types_size() == 0) return;
  const std::string type = ElementTypeName(static_cast<int32_t>(IntAttribute(node, "to", 0)));
  if (std::find(rule.target_types().begin(), rule.target_types().end(), type) != rule.target_types().end()) return;
  violations.push_back({absl::StrCat("casts to ", type, ", supported are ", absl::StrJoin(rule.target_types(), ", ")),
                        "cast to one of these, or leave the Cast out"});
}

std::vector<Violation> Violations(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule) {
  std::vector<Violation> violations;
  CheckAttributes(graph, node, rule, violations);
  CheckShapes(graph, node, rule, violations);
  CheckWindow(graph, node, rule, violations);
  CheckProducer(graph, node, rule, violations);
  CheckTargetType(node, rule, violations);
  return violations;
}

Support FromViolations(const std::vector<Violation>& violations, const v1::OperatorRule& rule) {
  std::vector<std::string> reasons;
  std::vector<std::string> changes;
  for (const Violation& violation : violations) {
    reasons.push_back(violation.reason);
    const std::string& change = violation.change.empty() ? rule.change() : violation.change;
    if (!change.empty() && std::find(changes.begin(), changes.end(), change) == changes.end()) {
      changes.push_back(change);
    }
  }
  return OnCpu(absl::StrJoin(reasons, "; "), absl::StrJoin(changes, "; "));
}

}  // namespace

Support CheckNode(Graph& graph, const onnx::NodeProto& node, const v1::TargetDescription& target) {
  if (std::string too_large = TooLarge(graph, node, target); !too_large.empty()) {
    Support support = OnCpu(std::move(too_large), "make the network's input or its layers smaller");
    support.placement = Placement::kImpossible;
    return support;
  }
  if (target.cpu_only()) return OnCpu(absl::StrCat("the ", target.name(), " target has no NPU"), "");
  const v1::OperatorRule* rule = RuleFor(node, target);
  if (rule == nullptr) {
    return OnCpu(absl::StrCat("the NPU of the ", target.name(), " does not list ", node.op_type()), "");
  }
  if (!rule->unsupported().empty()) return OnCpu(rule->unsupported(), rule->change());
  const std::vector<Violation> violations = Violations(graph, node, *rule);
  if (!violations.empty()) return FromViolations(violations, *rule);
  Support support;
  support.slow_reason = SlowReason(graph, node, *rule);
  support.slow = !support.slow_reason.empty();
  return support;
}

}  // namespace joinery::compiler
