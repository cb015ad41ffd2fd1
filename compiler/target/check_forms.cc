#include <algorithm>

#include "compiler/target/check_rule.h"
#include "compiler/target/node_facts.h"

namespace joinery::compiler {
namespace {

bool HasForm(Graph& graph, const onnx::NodeProto& node, const v1::Form& form, int64_t rank) {
  const int64_t groups = Groups(node);
  if ((form.grouped() || form.depthwise()) && groups <= 1) return false;
  if (form.depthwise()) {
    const auto shape = graph.Shape(TensorAt(node, 0, /*of_output=*/false));
    if (!shape.has_value() || shape->size() < 2 || (*shape)[1] != groups) return false;
  }
  return std::all_of(form.attributes().begin(), form.attributes().end(),
                     [&](const v1::AttributeLimit& limit) { return FitsAttribute(graph, node, limit, rank, nullptr); });
}

}  // namespace

std::string SlowReason(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule) {
  const int64_t rank = InputRank(graph, node);
  for (const v1::SlowForm& slow : rule.slow_forms()) {
    if (slow.has_when() && !HasForm(graph, node, slow.when(), rank)) continue;
    const bool is_excepted = std::any_of(slow.except().begin(), slow.except().end(),
                                         [&](const v1::Form& form) { return HasForm(graph, node, form, rank); });
    if (!is_excepted) return slow.reason();
  }
  return "";
}

}  // namespace joinery::compiler
