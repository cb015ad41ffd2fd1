#include "worker/compiler_version.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "worker/child_process.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr absl::Duration kTimeLimit = absl::Minutes(1);
constexpr size_t kMaxVersionBytes = 64;
constexpr size_t kMaxShownBytes = 300;

absl::StatusOr<std::string> RunAndParse(const std::string& compiler_path, const Sandbox& sandbox,
                                        WorkFolder& work_folder) {
  ASSIGN_OR_RETURN(const JobFolder folder, work_folder.NewJobFolder());
  ChildCommand command;
  command.arguments = {compiler_path, "--version"};
  command.folder = folder.path();
  command.limits.wall_time = kTimeLimit;
  command.sandbox = sandbox;
  ASSIGN_OR_RETURN(const ChildEnd end, RunChild(command, JobStop(), [](absl::string_view) {}));
  const std::string shown = CleanText(end.last_output, kMaxShownBytes);
  if (end.wait_status != 0) return absl::FailedPreconditionError(absl::StrCat("it failed; it printed: ", shown));
  const absl::string_view first_line = *absl::StrSplit(end.last_output, '\n').begin();
  const std::vector<absl::string_view> words = absl::StrSplit(first_line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  const auto version = std::find_if(words.begin(), words.end(), [](absl::string_view word) {
    return absl::ascii_isdigit(static_cast<unsigned char>(word[0]));
  });
  if (version == words.end())
    return absl::FailedPreconditionError(absl::StrCat("no version in what it printed: ", shown));
  return CleanText(*version, kMaxVersionBytes);
}

}  // namespace

absl::StatusOr<std::string> ReadCompilerVersion(const std::string& compiler_path, const Sandbox& sandbox,
                                                WorkFolder& work_folder) {
  absl::StatusOr<std::string> version = RunAndParse(compiler_path, sandbox, work_folder);
  if (version.ok()) return version;
  return base::Annotate(version.status(),
                        absl::StrCat("the compiler ", compiler_path, " cannot be used (name another with --compiler)"));
}

}  // namespace joinery::worker
