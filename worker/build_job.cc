#include "worker/build_job.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "telemetry/span_scope.h"
#include "worker/backoff.h"
#include "worker/blob_transfer.h"
#include "worker/child_process.h"
#include "worker/classify.h"
#include "worker/compiler_events.h"
#include "worker/display_names.h"
#include "worker/stage_times.h"
#include "worker/text.h"
#include "worker/wait.h"

namespace joinery::worker {
namespace {

constexpr char kArtifactFile[] = "out.joint";
constexpr char kReportFile[] = "report.json";
constexpr char kHtmlReportFile[] = "report.html";
constexpr size_t kMaxMessageBytes = 2048;
// Of last output, in a job's log.
constexpr size_t kMaxOutputLines = 400;
constexpr int kMaxDamagedTransfers = 2;

v1::Failure InternalFailure(absl::string_view message) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INTERNAL);
  failure.set_message(CleanText(message, kMaxMessageBytes));
  return failure;
}

// Calls `transfer` until it succeeds, fails for good, or `context.stop` is requested. Damage on the way is worth one
// more attempt.
template <typename Transfer>
auto Retry(const BuildContext& context, const Transfer& transfer) {
  Backoff backoff(absl::Milliseconds(50), absl::Seconds(2), context.random);
  int damaged = 0;
  while (true) {
    auto result = transfer();
    const absl::Status status = [&] {
      if constexpr (std::is_same_v<decltype(result), absl::Status>) {
        return result;
      } else {
        return result.status();
      }
    }();
    if (absl::IsDataLoss(status)) ++damaged;
    const bool again = base::IsRetriable(status) || (absl::IsDataLoss(status) && damaged < kMaxDamagedTransfers);
    if (!again || WaitOrStop(context.stop.token(), backoff.Next())) return result;
  }
}

// Makes the blob appear as `file`.
absl::StatusOr<CachedBlob> FetchInput(const v1::BlobRef& blob, const char* what, const std::string& file,
                                      const BuildContext& context) {
  telemetry::SpanScope span(context.tracer, "fetch");
  span.Set("joinery.input", what);
  span.Set("joinery.size_bytes", int64_t{blob.size()});
  ServerBlobSource source(context.blobs, context.stop.token());
  absl::StatusOr<CachedBlob> cached =
      Retry(context, [&] { return context.cache.Fetch(blob, source, context.stop.token()); });
  span.SetStatus(cached.status());
  RETURN_IF_ERROR(base::Annotate(cached.status(), absl::StrCat("the worker could not fetch the ", what)));
  span.Set("joinery.from", cached->was_cached() ? "cache" : "server");
  context.metrics.InputFetched(blob.size(), cached->was_cached());
  if (symlink(cached->path().c_str(), file.c_str()) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot link ", file));
  }
  context.events.AddWorkerLine(
      v1::LOG_LEVEL_INFO, absl::StrCat("the ", what, " (", blob.size(), " bytes) ",
                                       cached->was_cached() ? "was in the worker's cache" : "came from the server"));
  return cached;
}

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

ChildCommand MakeCommand(const v1::BuildSpec& spec, const std::string& folder, const std::vector<std::string>& inputs,
                         const CompilerSettings& compiler) {
  ChildCommand command;
  command.arguments = {compiler.path,   "build",          "--input",     kModelFile,
                       "--calibration", kCalibrationFile, "--config",    kConfigurationFile,
                       "--output",      kArtifactFile,    "--report",    kReportFile,
                       "--html-report", kHtmlReportFile,  "--events-fd", "3"};
  for (const std::string& shape : spec.input_shapes()) {
    // One word, so that no text can pass for another option.
    command.arguments.push_back(absl::StrCat("--input-shape=", shape));
  }
  command.folder = folder;
  command.limits = compiler.limits;
  command.sandbox = compiler.sandbox;
  // In the folder are links to them.
  command.readable = inputs;
  return command;
}

// What the compiler printed last, as the end of the job's log.
void AttachOutput(const std::string& output, const DisplayNames& names, EventQueue& events) {
  std::vector<absl::string_view> lines = absl::StrSplit(output, '\n', absl::SkipWhitespace());
  const size_t first = lines.size() > kMaxOutputLines ? lines.size() - kMaxOutputLines : 0;
  for (size_t i = first; i < lines.size(); ++i) {
    events.AddWorkerLine(v1::LOG_LEVEL_ERROR, absl::StrCat("compiler output: ", names.Translate(lines[i])));
  }
}

// nullopt if the compiler ended well.
absl::StatusOr<std::optional<v1::Failure>> RunCompiler(const v1::BuildSpec& spec, const std::string& folder,
                                                       const std::vector<std::string>& inputs,
                                                       const BuildContext& context) {
  const std::optional<GpuLease> gpu = TakeGpu(spec, context);
  if (spec.device() == v1::DEVICE_CUDA && !gpu.has_value()) return NoGpu();
  const DisplayNames names(spec);
  telemetry::SpanScope span(context.tracer, "compile");
  StageTimes stages(context.tracer, span.context(), context.metrics);
  CompilerEvents events(context.events, names, stages);
  ChildCommand command = MakeCommand(spec, folder, inputs, context.compiler);
  ChooseDevice(spec, gpu, context, command);
  if (span.context().has_value()) {
    command.environment.push_back(
        absl::StrCat(telemetry::kTraceparentVariable, "=", telemetry::FormatTraceparent(*span.context())));
  }
  ASSIGN_OR_RETURN(const ChildEnd end,
                   RunChild(command, context.stop, [&](absl::string_view bytes) { events.Add(bytes); }));
  events.Finish();
  context.metrics.CompilerEnded(end.cpu_time);
  span.Set("joinery.cpu_ms", absl::ToInt64Milliseconds(end.cpu_time));
  std::optional<v1::Failure> failure = events.failure();
  if (!failure.has_value()) failure = ClassifyEnd(end, command.limits);
  const absl::Status status = failure.has_value() ? absl::UnknownError(failure->message()) : absl::OkStatus();
  stages.Finish(status);
  span.SetStatus(status);
  if (failure.has_value()) SuspectGpu(*failure, gpu, context);
  if (events.failure().has_value()) return failure;
  if (!failure.has_value() || end.stopped) return failure;
  AttachOutput(end.last_output, names, context.events);
  if (failure->reason() == v1::FAILURE_REASON_INTERNAL) {
    RETURN_IF_ERROR(base::Annotate(context.compiler.check(), "the compiler does not work any more"));
  }
  return failure;
}

absl::StatusOr<LocalBlob> Describe(const JobFolder& folder, const char* name) {
  const std::string path = folder / name;
  ASSIGN_OR_RETURN(v1::BlobRef ref, DescribeFile(path));
  return LocalBlob{std::move(ref), path};
}

// Errors: the compiler did not write the artifact or the report, or the server does not take them.
absl::StatusOr<v1::JobResult> UploadResult(const JobFolder& folder, const BuildContext& context) {
  v1::JobResult result;
  std::vector<LocalBlob> blobs;
  int64_t size = 0;
  const auto add = [&](const char* file, v1::BlobRef& ref) -> absl::Status {
    ASSIGN_OR_RETURN(LocalBlob blob, Describe(folder, file));
    ref = blob.ref;
    size += blob.ref.size();
    blobs.push_back(std::move(blob));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(base::Annotate(add(kArtifactFile, *result.mutable_artifact()),
                                 "the compiler ended well but did not write an artifact"));
  RETURN_IF_ERROR(base::Annotate(add(kReportFile, *result.mutable_report()),
                                 "the compiler ended well but did not write its report"));
  // A compiler of another version may write none.
  if (std::filesystem::exists(folder / kHtmlReportFile)) {
    RETURN_IF_ERROR(add(kHtmlReportFile, *result.mutable_html_report()));
  }
  telemetry::SpanScope span(context.tracer, "upload");
  span.Set("joinery.size_bytes", size);
  const absl::Status uploaded =
      Retry(context, [&] { return UploadMissing(context.blobs, blobs, context.stop.token()); });
  span.SetStatus(uploaded);
  RETURN_IF_ERROR(base::Annotate(uploaded, "the worker could not upload the result"));
  context.metrics.ResultUploaded(size);
  return result;
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
                   RunCompiler(spec, folder.path(), {model->path(), calibration->path()}, context));
  if (failure.has_value()) return *std::move(failure);
  if (context.stop.requested()) return InternalFailure("stopped");
  absl::StatusOr<v1::JobResult> result = UploadResult(folder, context);
  if (!result.ok()) return InternalFailure(result.status().message());
  return *std::move(result);
}

}  // namespace joinery::worker
