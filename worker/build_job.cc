#include "worker/build_job.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/file.h"
#include "base/status.h"
#include "worker/child_process.h"
#include "worker/compiler_job.h"
#include "worker/display_names.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr char kArtifactFile[] = "out.joint";
constexpr char kReportFile[] = "report.json";
constexpr char kHtmlReportFile[] = "report.html";
constexpr size_t kMaxToolBytes = 128;

v1::Failure NoGpu() {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_GPU_UNAVAILABLE);
  failure.set_message("the job asks for a GPU, and this worker has none free that works and has the memory asked for");
  return failure;
}

// nullopt: the job runs on the CPU.
std::optional<GpuLease> TakeGpu(const v1::BuildSpec& spec, const BuildContext& context) {
  if (spec.device() == v1::DEVICE_CPU || context.compiler.gpus == nullptr) return std::nullopt;
  std::optional<GpuLease> lease = context.compiler.gpus->Take(context.gpu_memory_bytes);
  if (lease.has_value()) {
    context.events.AddWorkerLine(v1::LOG_LEVEL_INFO, absl::StrCat("the job has ", gpu::Describe(lease->gpu)));
  }
  return lease;
}

void ChooseDevice(const v1::BuildSpec& spec, const std::optional<GpuLease>& gpu, const BuildContext& context,
                  ChildCommand& command) {
  command.arguments.emplace_back("--device");
  if (!gpu.has_value()) {
    command.arguments.emplace_back("cpu");
    return;
  }
  command.arguments.emplace_back(spec.device() == v1::DEVICE_CUDA ? "cuda:0" : "auto");
  context.compiler.gpus->Give(gpu->gpu, command);
}

// A GPU that failed a job and does not work any more is given to no other.
void SuspectGpu(const v1::Failure& failure, const std::optional<GpuLease>& gpu, const BuildContext& context) {
  if (failure.reason() != v1::FAILURE_REASON_GPU_UNAVAILABLE || !gpu.has_value()) return;
  const absl::Status status = context.compiler.gpus->ProveAgain(gpu->gpu, context.compiler.check_gpu);
  if (status.ok()) return;
  context.events.AddWorkerLine(v1::LOG_LEVEL_WARNING, absl::StrCat("this worker gives no more jobs to ",
                                                                   gpu::Describe(gpu->gpu), ": ", status.message()));
}

// "NAME=PATH"; nullopt if this worker does not have the tool.
std::optional<std::string> FindVendorTool(const std::string& name, const CompilerSettings& compiler) {
  for (const std::string& tool : compiler.vendor_tools) {
    if (absl::StartsWith(tool, absl::StrCat(name, "="))) return tool;
  }
  return std::nullopt;
}

v1::Failure NoVendorTool(const std::string& name) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_WORKER_FAULT);
  failure.set_message(absl::StrCat("the job asks for a binary of ", CleanText(name, kMaxToolBytes),
                                   ", which this worker does not have (--vendor-tool); jobs that want it should ask "
                                   "for workers with the label vendor:",
                                   CleanText(name, kMaxToolBytes)));
  return failure;
}

// The compiler runs the tool in its own sandbox and under its own limits, and ends it first if it takes too long.
void AddVendorTool(const std::string& tool, ChildCommand& command) {
  command.arguments.push_back(absl::StrCat("--vendor-tool=", tool));
  command.arguments.push_back(absl::StrCat("--vendor-time-limit=", absl::FormatDuration(command.limits.wall_time)));
  const std::filesystem::path path(tool.substr(tool.find('=') + 1));
  // What a program brings along lies beside it.
  command.readable.push_back(path.has_parent_path() && path.parent_path() != "/" ? path.parent_path() : path);
}

ChildCommand MakeCommand(const v1::BuildSpec& spec, const std::string& folder, const std::vector<std::string>& inputs,
                         const CompilerSettings& compiler) {
  ChildCommand command = CompilerCommand(folder, inputs, compiler);
  command.arguments = {compiler.path,   "build",          "--input",     kModelFile,
                       "--calibration", kCalibrationFile, "--config",    kConfigurationFile,
                       "--output",      kArtifactFile,    "--report",    kReportFile,
                       "--html-report", kHtmlReportFile,  "--events-fd", "3"};
  for (const std::string& shape : spec.input_shapes()) {
    // One word, so that no text can pass for another option.
    command.arguments.push_back(absl::StrCat("--input-shape=", shape));
  }
  return command;
}

// With a GPU, if the job may have one.
absl::StatusOr<std::optional<v1::Failure>> RunOnDevice(const v1::BuildSpec& spec, const std::string& folder,
                                                       const std::vector<std::string>& inputs,
                                                       const BuildContext& context) {
  const std::optional<std::string> vendor_tool = FindVendorTool(spec.vendor_tool(), context.compiler);
  if (!spec.vendor_tool().empty() && !vendor_tool.has_value()) return NoVendorTool(spec.vendor_tool());
  const std::optional<GpuLease> gpu = TakeGpu(spec, context);
  if (spec.device() == v1::DEVICE_CUDA && !gpu.has_value()) return NoGpu();
  ChildCommand command = MakeCommand(spec, folder, inputs, context.compiler);
  ChooseDevice(spec, gpu, context, command);
  if (vendor_tool.has_value()) AddVendorTool(*vendor_tool, command);
  ASSIGN_OR_RETURN(std::optional<v1::Failure> failure, RunCompiler(std::move(command), DisplayNames(spec), context));
  if (failure.has_value()) SuspectGpu(*failure, gpu, context);
  return failure;
}

}  // namespace

absl::StatusOr<BuildOutcome> RunBuild(const v1::BuildSpec& spec, const BuildContext& context) {
  ASSIGN_OR_RETURN(const JobFolder folder, context.work_folder.NewJobFolder());
  const absl::StatusOr<CachedBlob> model = FetchInput(spec.model(), "model", folder / kModelFile, context);
  if (!model.ok()) return InternalFailure(model.status().message());
  const absl::StatusOr<CachedBlob> calibration =
      FetchInput(spec.calibration(), "calibration set", folder / kCalibrationFile, context);
  if (!calibration.ok()) return InternalFailure(calibration.status().message());
  RETURN_IF_ERROR(base::WriteFileAtomically(folder / kConfigurationFile, spec.configuration()));
  if (context.stop.requested()) return InternalFailure("stopped");
  ASSIGN_OR_RETURN(std::optional<v1::Failure> failure,
                   RunOnDevice(spec, folder.path(), {model->path(), calibration->path()}, context));
  if (failure.has_value()) return *std::move(failure);
  if (context.stop.requested()) return InternalFailure("stopped");
  v1::JobResult result;
  v1::BlobRef html_report;
  const absl::Status uploaded =
      UploadResult(folder,
                   {{kArtifactFile, result.mutable_artifact(), "an artifact"},
                    {kReportFile, result.mutable_report(), "its report"},
                    {kHtmlReportFile, &html_report, "its report as a web page", /*is_optional=*/true}},
                   context);
  if (!uploaded.ok()) return InternalFailure(uploaded.message());
  if (!html_report.digest().empty()) *result.mutable_html_report() = std::move(html_report);
  return result;
}

}  // namespace joinery::worker
