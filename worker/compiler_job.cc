#include "worker/compiler_job.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "base/wait.h"
#include "telemetry/span_scope.h"
#include "worker/backoff.h"
#include "worker/blob_transfer.h"
#include "worker/child_process.h"
#include "worker/classify.h"
#include "worker/compiler_events.h"
#include "worker/stage_times.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr size_t kMaxMessageBytes = 2048;
// Of last output, in a job's log.
constexpr size_t kMaxOutputLines = 400;
constexpr int kMaxDamagedTransfers = 2;

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
    if (!again || base::WaitOrStop(context.stop.token(), backoff.Next())) return result;
  }
}

// What the compiler printed last, as the end of the job's log.
void AttachOutput(const std::string& output, const DisplayNames& names, EventQueue& events) {
  std::vector<absl::string_view> lines = absl::StrSplit(output, '\n', absl::SkipWhitespace());
  const size_t first = lines.size() > kMaxOutputLines ? lines.size() - kMaxOutputLines : 0;
  for (size_t i = first; i < lines.size(); ++i) {
    events.AddWorkerLine(v1::LOG_LEVEL_ERROR, absl::StrCat("compiler output: ", names.Translate(lines[i])));
  }
}

absl::StatusOr<LocalBlob> Describe(const JobFolder& folder, const char* name) {
  const std::string path = folder / name;
  ASSIGN_OR_RETURN(v1::BlobRef ref, DescribeFile(path));
  return LocalBlob{std::move(ref), path};
}

}  // namespace

v1::Failure InternalFailure(absl::string_view message) {
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INTERNAL);
  failure.set_message(CleanText(message, kMaxMessageBytes));
  return failure;
}

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

ChildCommand CompilerCommand(const std::string& folder, const std::vector<std::string>& inputs,
                             const CompilerSettings& compiler) {
  ChildCommand command;
  command.folder = folder;
  command.limits = compiler.limits;
  command.sandbox = compiler.sandbox;
  command.readable = inputs;
  return command;
}

absl::StatusOr<std::optional<v1::Failure>> RunCompiler(ChildCommand command, const DisplayNames& names,
                                                       const BuildContext& context) {
  telemetry::SpanScope span(context.tracer, "compile");
  StageTimes stages(context.tracer, span.context(), context.metrics);
  CompilerEvents events(context.events, names, stages);
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
  if (events.failure().has_value()) return failure;
  if (!failure.has_value() || end.stopped) return failure;
  AttachOutput(end.last_output, names, context.events);
  if (failure->reason() == v1::FAILURE_REASON_INTERNAL) {
    RETURN_IF_ERROR(base::Annotate(context.compiler.check(), "the compiler does not work any more"));
  }
  return failure;
}

absl::Status UploadResult(const JobFolder& folder, const std::vector<ResultFile>& files, const BuildContext& context) {
  std::vector<LocalBlob> blobs;
  int64_t size = 0;
  for (const ResultFile& file : files) {
    if (file.is_optional && !std::filesystem::exists(folder / file.name)) continue;
    absl::StatusOr<LocalBlob> blob = Describe(folder, file.name);
    RETURN_IF_ERROR(
        base::Annotate(blob.status(), absl::StrCat("the compiler ended well but did not write ", file.what)));
    *file.blob = blob->ref;
    size += blob->ref.size();
    blobs.push_back(*std::move(blob));
  }
  telemetry::SpanScope span(context.tracer, "upload");
  span.Set("joinery.size_bytes", size);
  const absl::Status uploaded =
      Retry(context, [&] { return UploadMissing(context.blobs, blobs, context.stop.token()); });
  span.SetStatus(uploaded);
  RETURN_IF_ERROR(base::Annotate(uploaded, "the worker could not upload the result"));
  context.metrics.ResultUploaded(size);
  return absl::OkStatus();
}

}  // namespace joinery::worker
