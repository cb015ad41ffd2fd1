#include "worker/check_gpu.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "worker/child_process.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

// Its libraries are large, and the first use of a GPU after a start of the machine takes seconds.
constexpr absl::Duration kTimeLimit = absl::Minutes(2);
constexpr size_t kMaxShownBytes = 500;

}  // namespace

absl::Status CheckGpu(const gpu::Gpu& gpu, const GpuPool& gpus, const std::string& compiler_path,
                      const Sandbox& sandbox, WorkFolder& work_folder) {
  ASSIGN_OR_RETURN(const JobFolder folder, work_folder.NewJobFolder());
  ChildCommand command;
  command.arguments = {compiler_path, "devices", "--check", "cuda:0"};
  command.folder = folder.path();
  command.limits.wall_time = kTimeLimit;
  command.sandbox = sandbox;
  gpus.Give(gpu, command);
  ASSIGN_OR_RETURN(const ChildEnd end, RunChild(command, JobStop(), [](absl::string_view) {}));
  if (end.wait_status == 0) return absl::OkStatus();
  absl::string_view words = absl::StripAsciiWhitespace(end.last_output);
  absl::ConsumePrefix(&words, "error: ");
  const std::string shown = CleanText(words, kMaxShownBytes);
  return absl::FailedPreconditionError(
      shown.empty() ? absl::StrCat(compiler_path, " could not use it and did not say why") : shown);
}

}  // namespace joinery::worker
