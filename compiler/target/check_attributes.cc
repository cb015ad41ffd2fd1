#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "compiler/target/check_rule.h"
#include "compiler/target/node_facts.h"

namespace joinery::compiler {
namespace {

std::vector<int64_t> IntsOf(const onnx::AttributeProto& value) {
  if (value.type() == onnx::AttributeProto::INT) return {value.i()};
  return {value.ints().begin(), value.ints().end()};
}

// Axes count from the end in limits: -1 is the last.
int64_t FromEnd(const v1::AttributeLimit& limit, int64_t value, int64_t rank) {
  return limit.name() == "axis" && rank > 0 && value >= 0 ? value - rank : value;
}

bool Contains(const google::protobuf::RepeatedField<int64_t>& allowed, const v1::AttributeLimit& limit, int64_t value,
              int64_t rank) {
  const int64_t from_end = FromEnd(limit, value, rank);
  return std::any_of(allowed.begin(), allowed.end(),
                     [&](int64_t other) { return FromEnd(limit, other, rank) == from_end; });
}

bool FitsInts(const onnx::AttributeProto& value, const v1::AttributeLimit& limit, int64_t rank) {
  for (const int64_t number : IntsOf(value)) {
    if (limit.ints_size() > 0 && !Contains(limit.ints(), limit, number, rank)) return false;
    if (limit.has_min() && number < limit.min()) return false;
    if (limit.has_max() && number > limit.max()) return false;
  }
  return true;
}

bool FitsStrings(const onnx::AttributeProto& value, const v1::AttributeLimit& limit) {
  if (limit.strings_size() == 0 || value.type() != onnx::AttributeProto::STRING) return true;
  return std::find(limit.strings().begin(), limit.strings().end(), value.s()) != limit.strings().end();
}

// "an int of 1 to 18", "NOTSET", "DCR or CRD".
std::string Allowed(const v1::AttributeLimit& limit) {
  if (limit.strings_size() > 0) return absl::StrJoin(limit.strings(), " or ");
  if (limit.ints_size() > 0) return absl::StrJoin(limit.ints(), " or ");
  if (limit.has_min() && limit.has_max()) return absl::StrCat(limit.min(), " to ", limit.max());
  return limit.has_min() ? absl::StrCat("at least ", limit.min()) : absl::StrCat("at most ", limit.max());
}

// Whether the node is in the situation that the limit is for.
bool Applies(const Graph& graph, const onnx::NodeProto& node, const v1::AttributeLimit& limit) {
  if (limit.only_if_padded() && !Pads(node)) return false;
  return std::all_of(limit.only_if().begin(), limit.only_if().end(), [&](const std::string& condition) {
    const std::pair<std::string, std::string> wanted = absl::StrSplit(condition, absl::MaxSplits('=', 1));
    const std::optional<onnx::AttributeProto> other = AttributeOrDefault(graph, node, wanted.first);
    return other.has_value() && FormatValue(*other) == wanted.second;
  });
}

void Explain(const onnx::AttributeProto& value, const v1::AttributeLimit& limit, Violation* violation) {
  if (violation == nullptr) return;
  const std::string allowed = limit.never() ? "" : Allowed(limit);
  violation->reason = absl::StrCat(limit.name(), " is ", FormatValue(value),
                                   limit.never() ? ", which is not supported" : absl::StrCat(", only ", allowed, " is"),
                                   limit.note().empty() ? "" : absl::StrCat(" (", limit.note(), ")"));
  violation->change = limit.change();
  if (!violation->change.empty()) return;
  violation->change = limit.never() ? absl::StrCat("leave ", limit.name(), " out")
                                    : absl::StrCat("set ", limit.name(), " to ", allowed);
}

}  // namespace

bool FitsAttribute(const Graph& graph, const onnx::NodeProto& node, const v1::AttributeLimit& limit,
                   int64_t rank_of_input, Violation* violation) {
  if (!Applies(graph, node, limit)) return true;
  const std::optional<onnx::AttributeProto> value = AttributeOrDefault(graph, node, limit.name());
  if (!value.has_value()) return true;
  bool fits = true;
  if (limit.never()) {
    onnx::NodeProto bare = node;
    bare.clear_attribute();
    const std::optional<onnx::AttributeProto> otherwise = AttributeOrDefault(graph, bare, limit.name());
    fits = otherwise.has_value() && SameValue(*value, *otherwise);
  }
  fits = fits && FitsInts(*value, limit, rank_of_input) && FitsStrings(*value, limit);
  if (!fits) Explain(*value, limit, violation);
  return fits;
}

void CheckAttributes(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule,
                     std::vector<Violation>& violations) {
  const int64_t rank = InputRank(graph, node);
  for (const v1::AttributeLimit& limit : rule.attributes()) {
    Violation violation;
    if (!FitsAttribute(graph, node, limit, rank, &violation)) violations.push_back(std::move(violation));
  }
}

}  // namespace joinery::compiler
