#include "worker/check_job.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "worker/child_process.h"
#include "worker/compiler_job.h"
#include "worker/display_names.h"

namespace joinery::worker {
namespace {

constexpr char kReportFile[] = "report.json";

ChildCommand MakeCommand(const v1::CheckSpec& spec, const std::string& folder, const std::string& model,
                         const CompilerSettings& compiler) {
  ChildCommand command = CompilerCommand(folder, {model}, compiler);
  command.arguments = {compiler.path, "check", kModelFile, "--report", kReportFile, "--events-fd", "3"};
  // One word each, so that no text can pass for another option.
  if (!spec.model_name().empty()) command.arguments.push_back(absl::StrCat("--model-name=", spec.model_name()));
  for (const std::string& target : spec.targets()) command.arguments.push_back(absl::StrCat("--target=", target));
  for (int i = 0; i < spec.target_texts_size(); ++i) {
    command.arguments.push_back(absl::StrCat("--target-file=", TargetFile(i)));
  }
  for (const std::string& shape : spec.input_shapes()) {
    command.arguments.push_back(absl::StrCat("--input-shape=", shape));
  }
  return command;
}

}  // namespace

absl::StatusOr<BuildOutcome> RunCheck(const v1::CheckSpec& spec, const BuildContext& context) {
  ASSIGN_OR_RETURN(const JobFolder folder, context.work_folder.NewJobFolder());
  const absl::StatusOr<CachedBlob> model = FetchInput(spec.model(), "model", folder / kModelFile, context);
  if (!model.ok()) return InternalFailure(model.status().message());
  for (int i = 0; i < spec.target_texts_size(); ++i) {
    RETURN_IF_ERROR(base::WriteFileAtomically(folder / TargetFile(i), spec.target_texts(i).text()));
  }
  if (context.stop.requested()) return InternalFailure("stopped");
  ASSIGN_OR_RETURN(
      std::optional<v1::Failure> failure,
      RunCompiler(MakeCommand(spec, folder.path(), model->path(), context.compiler), DisplayNames(spec), context));
  if (failure.has_value()) return *std::move(failure);
  if (context.stop.requested()) return InternalFailure("stopped");
  v1::JobResult result;
  const absl::Status uploaded = UploadResult(folder, {{kReportFile, result.mutable_report(), "its report"}}, context);
  if (!uploaded.ok()) return InternalFailure(uploaded.message());
  return result;
}

}  // namespace joinery::worker
