#include "compiler/target/print_check.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace joinery::compiler {
namespace {

using Row = std::vector<std::string>;

// Names come from models, which anybody may have made.
std::string Printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return text;
}

// Columns as wide as they must be; the last one is not padded.
std::string Align(const std::vector<Row>& rows, absl::string_view indent) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    absl::StrAppend(&text, indent);
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&text, row[i]);
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 2, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, "\n");
  }
  return text;
}

std::string Where(const v1::OperatorCheck& row) {
  switch (row.placement()) {
    case v1::CHECK_PLACEMENT_NPU:
      return row.is_slow() ? "NPU, slow" : "NPU";
    case v1::CHECK_PLACEMENT_NPU_AFTER_REWRITE:
      return "rewritten";
    case v1::CHECK_PLACEMENT_CPU:
      return row.is_in_tail() ? "CPU, at the end" : "CPU";
    case v1::CHECK_PLACEMENT_IMPOSSIBLE:
      return "impossible";
    default:
      return "?";
  }
}

std::string Why(const v1::OperatorCheck& row) {
  if (row.placement() == v1::CHECK_PLACEMENT_NPU_AFTER_REWRITE) {
    return absl::StrCat("gone after ", row.rewrite(), row.reason().empty() ? "" : "; else: ", row.reason());
  }
  const bool is_named = row.placement() != v1::CHECK_PLACEMENT_NPU && row.nodes_size() > 0;
  std::string nodes = is_named ? absl::StrCat(" [", absl::StrJoin(row.nodes(), ", "),
                                              row.count() > row.nodes_size() ? ", ..." : "", "]")
                               : "";
  return absl::StrCat(row.reason(), nodes);
}

const char* Name(v1::CheckVerdict verdict) {
  switch (verdict) {
    case v1::CHECK_VERDICT_FITS:
      return "fits";
    case v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL:
      return "fits, CPU at the end";
    case v1::CHECK_VERDICT_NEEDS_CPU:
      return "needs the CPU";
    case v1::CHECK_VERDICT_IMPOSSIBLE:
      return "impossible";
    default:
      return "?";
  }
}

// Operators of which there is nothing to tell share a line; the others have one each, and one for what to change.
std::string FormatOperators(const v1::TargetCheck& target, bool is_cpu_only) {
  std::vector<Row> rows;
  std::vector<std::string> plain;
  for (const v1::OperatorCheck& row : target.operators()) {
    const std::string op_type = Printable(row.op_type());
    if (is_cpu_only || (row.placement() == v1::CHECK_PLACEMENT_NPU && !row.is_slow())) {
      plain.push_back(absl::StrCat(op_type, " ", row.count()));
      continue;
    }
    rows.push_back({Where(row), op_type, absl::StrCat(row.count()), Printable(Why(row))});
    if (!row.change().empty()) rows.push_back({"", "", "", absl::StrCat("change: ", Printable(row.change()))});
  }
  std::string text;
  if (!rows.empty()) {
    rows.insert(rows.begin(), {"RUNS ON", "OPERATOR", "COUNT", "WHY"});
    text = Align(rows, "  ");
  }
  if (!plain.empty()) absl::StrAppend(&text, "  ", is_cpu_only ? "CPU" : "NPU", ": ", absl::StrJoin(plain, ", "), "\n");
  return text;
}

std::string Names(const google::protobuf::RepeatedPtrField<v1::TensorInfo>& tensors) {
  return Printable(
      absl::StrJoin(tensors, ", ", [](std::string* out, const v1::TensorInfo& tensor) { out->append(tensor.name()); }));
}

// "npu:0  365 nodes  input to 459, 460", if there are several; one says nothing new.
std::string FormatParts(const v1::TargetCheck& target) {
  if (target.parts_size() < 2) return "";
  std::vector<Row> rows;
  for (const v1::Part& part : target.parts()) {
    rows.push_back({part.name(), absl::StrCat(part.nodes(), part.nodes() == 1 ? " node" : " nodes"),
                    absl::StrCat(Names(part.inputs()), " to ", Names(part.outputs()))});
  }
  return Align(rows, "  ");
}

// "3.41 ms", "-".
std::string Latency(const v1::TargetCheck& target) {
  return target.latency_ms() > 0 ? absl::StrFormat("%.2f ms", target.latency_ms()) : "-";
}

std::string FormatEstimate(const v1::TargetCheck& target) {
  if (target.latency_ms() <= 0) return "";
  const std::string error =
      target.median_error_percent() > 0
          ? absl::StrFormat("half of such estimates are within %.0f %%", target.median_error_percent())
          : "nothing is published to compare such estimates with";
  return absl::StrCat("  estimate: ", Latency(target), " in mode ", target.mode(), "; ", error, "\n");
}

std::string FormatTarget(const v1::TargetCheck& target) {
  const bool is_cpu_only = target.verdict() == v1::CHECK_VERDICT_FITS && target.npu_nodes() == 0;
  return absl::StrCat(Printable(target.target()), ": ", Name(target.verdict()), ": ", Printable(target.summary()), "\n",
                      FormatOperators(target, is_cpu_only), FormatParts(target), FormatEstimate(target), "\n");
}

std::string FormatModel(const v1::ModelCheck& model) {
  const std::string name = Printable(model.model());
  if (!model.impossible().empty()) return absl::StrCat(name, ": impossible: ", Printable(model.impossible()), "\n\n");
  std::string text =
      absl::StrFormat("%s: opset %d, %d nodes (%d in the file), %.2f million parameters\n", name, model.opset(),
                      model.nodes(), model.nodes_in_file(), static_cast<double>(model.parameters()) / 1e6);
  for (const std::string& note : model.notes()) absl::StrAppend(&text, "  note: ", Printable(note), "\n");
  if (model.rewrites_size() > 0) {
    absl::StrAppend(&text, "  rewrites: ",
                    absl::StrJoin(model.rewrites(), ", ",
                                  [](std::string* out, const v1::CheckedRewrite& rewrite) {
                                    absl::StrAppend(out, rewrite.name(), " ", rewrite.count());
                                  }),
                    "\n");
  }
  absl::StrAppend(&text, "\n");
  for (const v1::TargetCheck& target : model.targets()) absl::StrAppend(&text, FormatTarget(target));
  return text;
}

std::string ShareOfMacs(const v1::TargetCheck& target) {
  if (target.macs() == 0) return "-";
  return absl::StrFormat("%.1f %%",
                         100.0 * static_cast<double>(target.npu_macs()) / static_cast<double>(target.macs()));
}

// "-" of a target without an NPU.
std::string CountParts(const v1::TargetCheck& target, absl::string_view device) {
  if (target.parts().empty()) return "-";
  return absl::StrCat(std::count_if(target.parts().begin(), target.parts().end(),
                                    [&](const v1::Part& part) { return part.device() == device; }));
}

std::string FormatOverview(const v1::CheckReport& report) {
  std::vector<Row> rows = {
      {"MODEL", "TARGET", "NPU PARTS", "CPU PARTS", "CPU NODES", "NPU MACS", "ESTIMATE", "VERDICT"}};
  for (const v1::ModelCheck& model : report.models()) {
    const std::string name = Printable(model.model());
    if (!model.impossible().empty()) rows.push_back({name, "all", "-", "-", "-", "-", "-", "impossible"});
    for (const v1::TargetCheck& target : model.targets()) {
      rows.push_back({name, Printable(target.target()), CountParts(target, "NPU"), CountParts(target, "CPU"),
                      absl::StrCat(target.cpu_nodes()), ShareOfMacs(target), Latency(target), Name(target.verdict())});
    }
  }
  // A table of one line says nothing new.
  return rows.size() > 2 ? Align(rows, "") : "";
}

}  // namespace

v1::CheckVerdict WorstVerdict(const v1::CheckReport& report) {
  v1::CheckVerdict worst = v1::CHECK_VERDICT_FITS;
  for (const v1::ModelCheck& model : report.models()) {
    if (!model.impossible().empty()) return v1::CHECK_VERDICT_IMPOSSIBLE;
    for (const v1::TargetCheck& target : model.targets()) worst = std::max(worst, target.verdict());
  }
  return worst;
}

int ExitCodeOf(const v1::CheckReport& report) {
  switch (WorstVerdict(report)) {
    case v1::CHECK_VERDICT_NEEDS_CPU:
      return kExitNeedsCpu;
    case v1::CHECK_VERDICT_IMPOSSIBLE:
      return kExitImpossible;
    default:
      return 0;
  }
}

std::string FormatCheck(const v1::CheckReport& report) {
  std::string text;
  for (const v1::ModelCheck& model : report.models()) absl::StrAppend(&text, FormatModel(model));
  absl::StrAppend(&text, FormatOverview(report));
  // Between blocks, not at the end.
  while (text.size() > 1 && text.compare(text.size() - 2, 2, "\n\n") == 0) text.pop_back();
  return text;
}

std::string CheckToJson(const v1::CheckReport& report) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  std::string json;
  // Fails only for messages with malformed Any or Timestamp fields, which these do not have.
  (void)google::protobuf::util::MessageToJsonString(report, &json, options);
  return json;
}

absl::StatusOr<v1::CheckReport> ParseCheck(absl::string_view json) {
  v1::CheckReport report;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(std::string(json), &report, options);
  if (!status.ok()) return absl::DataLossError(absl::StrCat("the check's report cannot be read: ", status.ToString()));
  return report;
}

}  // namespace joinery::compiler
