#include "worker/sandbox.h"

#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "worker/child_process.h"
#include "worker/compiler_version.h"
#include "worker/sandbox/call_filter.h"
#include "worker/sandbox/file_rules.h"
#include "worker/supervisor.h"

namespace joinery::worker {
namespace {

constexpr absl::Duration kTraceTimeLimit = absl::Minutes(1);

// Programs, libraries and what the C library and ONNX Runtime look at. Neither /etc nor /home nor /var as a whole.
const std::vector<std::string>& SystemPaths() {
  static const auto& paths = *new std::vector<std::string>{"/usr",
                                                           "/bin",
                                                           "/sbin",
                                                           "/lib",
                                                           "/lib32",
                                                           "/lib64",
                                                           "/libx32",
                                                           "/etc/ld.so.cache",
                                                           "/etc/alternatives",
                                                           "/etc/localtime",
                                                           "/sys/devices/system/cpu"};
  return paths;
}

// The shared libraries that the loader finds for `program`, which it tells without running it.
absl::StatusOr<std::vector<std::string>> FindLibraries(const std::string& program, WorkFolder& work_folder) {
  ASSIGN_OR_RETURN(const JobFolder folder, work_folder.NewJobFolder());
  ChildCommand command;
  // An argument for the case that it is linked statically, and run after all.
  command.arguments = {program, "--version"};
  command.folder = folder.path();
  command.limits.wall_time = kTraceTimeLimit;
  command.environment = {"LD_TRACE_LOADED_OBJECTS=1"};
  ASSIGN_OR_RETURN(const ChildEnd end, RunChild(command, JobStop(), [](absl::string_view) {}));
  std::vector<std::string> libraries;
  for (const absl::string_view line : absl::StrSplit(end.last_output, '\n')) {
    // "	libz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f...)"
    for (const absl::string_view word : absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty())) {
      if (absl::StartsWith(word, "/")) libraries.emplace_back(word);
    }
  }
  return libraries;
}

// From the tightest on.
std::vector<Sandbox> Candidates(SandboxMode mode) {
  std::vector<Sandbox> candidates;
  const bool is_root = geteuid() == 0;
  if (mode != SandboxMode::kBasic) {
    for (const bool filter : {true, false}) {
      if (is_root) {
        candidates.push_back({.namespaces = true, .user = kNobody, .group = kNobody, .call_filter = filter});
      }
      candidates.push_back({.namespaces = true, .user = geteuid(), .group = getegid(), .call_filter = filter});
    }
  }
  if (mode != SandboxMode::kFull) {
    const int abi = sandbox::LandlockAbi();
    for (const bool filter : {true, false}) {
      if (abi > 0) candidates.push_back({.file_rules_abi = abi, .call_filter = filter});
      candidates.push_back({.call_filter = filter});
    }
  }
  return candidates;
}

std::string FilesLine(const Sandbox& sandbox) {
  if (sandbox.namespaces) return "own files: yes, it sees programs, libraries, its inputs and its folder";
  if (sandbox.file_rules_abi == 0) return "own files: no, it can read whatever the worker can";
  return absl::StrCat("own files: no, but rules for what it may open (Landlock ", sandbox.file_rules_abi, ")");
}

std::string NetworkLine(const Sandbox& sandbox) {
  if (sandbox.namespaces) return "own network: yes, an empty one";
  return sandbox.call_filter ? "own network: no, but it cannot make sockets" : "own network: no, it has the host's";
}

std::string ProcessesLine(const Sandbox& sandbox) {
  if (sandbox.namespaces) return "own processes: yes";
  return "own processes: no, but what it leaves behind is found and ended";
}

std::string UserLine(const Sandbox& sandbox) {
  if (!sandbox.namespaces) return absl::StrCat("own user: no, it is the worker's (", geteuid(), ")");
  return absl::StrCat("own user: yes, without rights (", sandbox.user, " on the host)");
}

std::vector<std::string> Report(const Sandbox& sandbox, const absl::Status& refusal) {
  const bool limits_processes = sandbox.namespaces || geteuid() != 0;
  std::vector<std::string> report = {
      absl::StrCat("limits: memory, processor time, wall time, disk, core dumps",
                   limits_processes ? ", processes" : "; not processes, because the worker is root"),
      "memory of all processes together: looked at every second, not by a control group",
      "no new privileges: yes",
      ProcessesLine(sandbox),
      FilesLine(sandbox),
      NetworkLine(sandbox),
      UserLine(sandbox),
      absl::StrCat("system call filter: ", sandbox.call_filter ? "yes" : "no"),
  };
  if (!refusal.ok()) report.push_back(absl::StrCat("more was refused: ", std::string(refusal.message())));
  return report;
}

}  // namespace

absl::StatusOr<ProvenSandbox> ProveSandbox(SandboxMode mode, const std::string& compiler_path,
                                           const std::vector<std::string>& also_readable, WorkFolder& work_folder) {
  // First without any, to tell a compiler that does not run from a kernel that grants nothing.
  RETURN_IF_ERROR(ReadCompilerVersion(compiler_path, Sandbox(), work_folder).status());
  std::vector<std::string> readable = SystemPaths();
  ASSIGN_OR_RETURN(const std::vector<std::string> libraries, FindLibraries(compiler_path, work_folder));
  readable.push_back(compiler_path);
  readable.insert(readable.end(), libraries.begin(), libraries.end());
  readable.insert(readable.end(), also_readable.begin(), also_readable.end());

  absl::Status refusal;
  for (Sandbox& sandbox : Candidates(mode)) {
    sandbox.readable = readable;
    absl::StatusOr<std::string> version = ReadCompilerVersion(compiler_path, sandbox, work_folder);
    if (version.ok()) {
      std::vector<std::string> report = Report(sandbox, refusal);
      return ProvenSandbox{std::move(sandbox), std::move(report), *std::move(version)};
    }
    if (refusal.ok()) refusal = version.status();
  }
  return absl::FailedPreconditionError(
      absl::StrCat(std::string(refusal.message()),
                   mode == SandboxMode::kFull ? "; allow user namespaces, or start with --sandbox auto" : ""));
}

}  // namespace joinery::worker
