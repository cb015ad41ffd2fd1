#include "compiler/target/check_model.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/simplify.h"
#include "compiler/target/check_target.h"

namespace joinery::compiler {
namespace {

// By operator, the passes that removed it, as people read them.
std::map<std::string, std::string> RewritesByOperator(const std::vector<PassReport>& reports) {
  std::map<std::string, std::string> rewrites;
  for (const PassReport& report : reports) {
    for (const auto& [op_type, count] : report.removed) {
      std::string& passes = rewrites[op_type];
      absl::StrAppend(&passes, passes.empty() ? "" : ", ", report.pass);
    }
  }
  return rewrites;
}

// With messages that call it `name`.
absl::StatusOr<onnx::ModelProto> Load(const std::string& path, const std::string& name, const ModelLimits& limits) {
  absl::StatusOr<std::string> bytes = base::ReadFile(path, limits.max_bytes);
  // Too large a file is a fault of the model, not of the machine.
  if (absl::IsResourceExhausted(bytes.status())) return absl::InvalidArgumentError(bytes.status().message());
  RETURN_IF_ERROR(bytes.status());
  return ParseModel(*bytes, name, limits);
}

absl::Status Check(onnx::ModelProto model, absl::Span<const v1::TargetDescription> targets, const CheckOptions& options,
                   v1::ModelCheck& check) {
  check.set_opset(OpsetVersion(model));
  check.set_nodes_in_file(model.graph().node_size());
  ASSIGN_OR_RETURN(Imported imported,
                   ImportModel(std::move(model), {.limits = options.limits, .input_shapes = options.input_shapes}));
  for (std::string& note : imported.notes) check.add_notes(std::move(note));
  Graph& graph = imported.graph;
  std::vector<std::map<std::string, OffNpu>> before;
  for (const v1::TargetDescription& target : targets) before.push_back(FindOffNpu(graph, target));
  ASSIGN_OR_RETURN(const std::vector<PassReport> reports, Simplify(graph));
  for (const PassReport& report : reports) {
    if (report.rewrites == 0) continue;
    v1::CheckedRewrite& rewrite = *check.add_rewrites();
    rewrite.set_name(report.pass);
    rewrite.set_count(report.rewrites);
  }
  check.set_nodes(graph.proto().node_size());
  check.set_parameters(CountParameters(graph));
  const std::map<std::string, std::string> rewrites = RewritesByOperator(reports);
  for (size_t i = 0; i < targets.size(); ++i) {
    ASSIGN_OR_RETURN(*check.add_targets(), CheckTarget(graph, targets[i], before[i], rewrites));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ModelCheck> CheckModel(const std::string& path, const std::string& name,
                                          absl::Span<const v1::TargetDescription> targets,
                                          const CheckOptions& options) {
  v1::ModelCheck check;
  check.set_model(name);
  absl::StatusOr<onnx::ModelProto> model = Load(path, name, options.limits);
  const absl::Status status =
      model.ok() ? base::Annotate(Check(*std::move(model), targets, options, check), name) : model.status();
  if (!absl::IsUnimplemented(status)) {
    RETURN_IF_ERROR(status);
    return check;
  }
  check.set_impossible(std::string(status.message()));
  return check;
}

}  // namespace joinery::compiler
