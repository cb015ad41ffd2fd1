#include "worker/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "worker/sandbox/call_filter.h"
#include "worker/supervisor.h"

namespace joinery::worker {
namespace {

// After SIGXCPU a program has this long to say something before SIGKILL.
constexpr rlim_t kSecondsAfterCpuLimit = 5;
constexpr int64_t kMaxCommandLineBytes = int64_t{1} << 22;
constexpr unsigned long kNamespaces = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC;

struct Pipe {
  base::UniqueFd read_end;
  base::UniqueFd write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return base::ErrnoStatus(errno, "cannot make a pipe");
  return Pipe{base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
}

// Raising a hard limit needs privileges, so nothing goes above the present one.
Limit MakeLimit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  rlimit present{};
  getrlimit(resource, &present);
  return {resource, {std::min(soft, present.rlim_max), std::min(hard, present.rlim_max)}};
}

rlim_t ProcessesOnHost() {
  struct sysinfo info {};
  return sysinfo(&info) == 0 ? info.procs : 0;
}

std::vector<Limit> MakeLimits(const ChildLimits& limits, bool in_namespaces, bool has_devices) {
  std::vector<Limit> made = {MakeLimit(RLIMIT_CORE, 0, 0)};
  const auto add = [&](__rlimit_resource resource, rlim_t value) { made.push_back(MakeLimit(resource, value, value)); };
  if (limits.memory_bytes > 0) add(has_devices ? RLIMIT_DATA : RLIMIT_AS, static_cast<rlim_t>(limits.memory_bytes));
  if (limits.disk_bytes > 0) add(RLIMIT_FSIZE, static_cast<rlim_t>(limits.disk_bytes));
  if (limits.processes > 0) {
    // The supervisor is one, too.
    add(RLIMIT_NPROC, static_cast<rlim_t>(limits.processes) + (in_namespaces ? 1 : ProcessesOnHost()));
  }
  if (limits.cpu_time != absl::InfiniteDuration()) {
    const auto seconds = static_cast<rlim_t>(absl::ToInt64Seconds(absl::Ceil(limits.cpu_time, absl::Seconds(1))));
    made.push_back(MakeLimit(RLIMIT_CPU, seconds, seconds + kSecondsAfterCpuLimit));
  }
  return made;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// The kernel's copy of it is the program's own: its strings lie one behind the other from the program's name on.
std::pair<char*, size_t> FindCommandLine() {
  const absl::StatusOr<std::string> line = base::ReadFile("/proc/self/cmdline", kMaxCommandLineBytes);
  return {program_invocation_name, line.ok() ? line->size() : 0};
}

// The C library of Debian 12 declares pidfd_open without C linkage.
base::UniqueFd OpenPidfd(pid_t pid) { return base::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

absl::Status WriteProc(pid_t pid, const char* name, const std::string& text) {
  const std::string path = absl::StrCat("/proc/", pid, "/", name);
  ASSIGN_OR_RETURN(const base::UniqueFd fd, base::OpenFile(path, O_WRONLY));
  return base::WriteAll(fd.get(), text, path);
}

// Says who the process of a new user namespace is on the host.
absl::Status MapUser(pid_t pid, const Sandbox& sandbox) {
  // Without privileges only who cannot drop a group may choose one.
  if (sandbox.group == getegid()) RETURN_IF_ERROR(WriteProc(pid, "setgroups", "deny"));
  RETURN_IF_ERROR(WriteProc(pid, "gid_map", absl::StrCat(kNobody, " ", sandbox.group, " 1")));
  return WriteProc(pid, "uid_map", absl::StrCat(kNobody, " ", sandbox.user, " 1"));
}

// OK once the child runs its program; else why it does not.
absl::Status ReadChildError(int fd, const std::string& program) {
  ChildError error{};
  ssize_t count = 0;
  do {
    count = read(fd, &error, sizeof(error));
  } while (count < 0 && errno == EINTR);
  if (count == 0) return absl::OkStatus();
  if (count != sizeof(error)) return absl::InternalError(absl::StrCat("cannot see whether ", program, " was started"));
  return base::ErrnoStatus(error.errno_value, absl::StrCat("cannot run ", program, ": cannot ", error.step.data()));
}

struct Surroundings {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
};

Preparation Prepare(const ChildCommand& command, Surroundings& words) {
  const Sandbox& sandbox = command.sandbox;
  words.arguments = command.arguments;
  words.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", absl::StrCat("HOME=", command.folder),
                       absl::StrCat("TMPDIR=", command.folder), "LANG=C.UTF-8"};
  words.environment.insert(words.environment.end(), command.environment.begin(), command.environment.end());
  std::vector<std::string> readable = sandbox.readable;
  readable.insert(readable.end(), command.readable.begin(), command.readable.end());

  Preparation preparation{};
  preparation.argv = Pointers(words.arguments);
  preparation.envp = Pointers(words.environment);
  preparation.limits = MakeLimits(command.limits, sandbox.namespaces, !command.devices.empty());
  preparation.folder = command.folder;
  preparation.command_line = FindCommandLine();
  if (sandbox.namespaces) {
    preparation.view = sandbox::MakeFileView(readable, command.devices, command.folder);
  } else if (sandbox.file_rules_abi > 0) {
    preparation.rules = sandbox::MakeFileRules(sandbox.file_rules_abi, readable, command.devices, command.folder);
  }
  // Among its own processes there is nothing to see.
  if (sandbox.call_filter) preparation.call_filter = sandbox::MakeCallFilter(/*may_trace=*/sandbox.namespaces);
  return preparation;
}

absl::Status GiveFolder(const ChildCommand& command) {
  const Sandbox& sandbox = command.sandbox;
  if (!sandbox.namespaces || sandbox.user == geteuid()) return absl::OkStatus();
  if (chown(command.folder.c_str(), sandbox.user, sandbox.group) == 0) return absl::OkStatus();
  return base::ErrnoStatus(errno, absl::StrCat("cannot give ", command.folder, " to user ", sandbox.user));
}

// Lets the supervisor begin.
absl::Status Begin(pid_t pid, const ChildCommand& command, int go_fd) {
  if (command.sandbox.namespaces) {
    RETURN_IF_ERROR(base::Annotate(MapUser(pid, command.sandbox), "cannot use a user namespace"));
  }
  return base::WriteAll(go_fd, "g", "a pipe");
}

}  // namespace

absl::StatusOr<SpawnedChild> Spawn(const ChildCommand& command) {
  RETURN_IF_ERROR(GiveFolder(command));
  ASSIGN_OR_RETURN(const base::UniqueFd null_fd, base::OpenFile("/dev/null", O_RDONLY));
  ASSIGN_OR_RETURN(Pipe output, MakePipe());
  ASSIGN_OR_RETURN(Pipe events, MakePipe());
  ASSIGN_OR_RETURN(Pipe error, MakePipe());
  ASSIGN_OR_RETURN(Pipe status, MakePipe());
  ASSIGN_OR_RETURN(Pipe go, MakePipe());
  for (const Pipe* pipe : {&output, &events, &status}) fcntl(pipe->read_end.get(), F_SETFL, O_NONBLOCK);

  Surroundings words;
  Preparation preparation = Prepare(command, words);
  preparation.null_fd = null_fd.get();
  preparation.output_fd = output.write_end.get();
  preparation.events_fd = events.write_end.get();
  preparation.error_fd = error.write_end.get();
  preparation.status_fd = status.write_end.get();
  preparation.go_fd = go.read_end.get();

  const unsigned long flags = SIGCHLD | (command.sandbox.namespaces ? kNamespaces : 0);
  const auto pid = static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr));
  if (pid < 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot start a process for ", command.arguments[0],
                                                 command.sandbox.namespaces ? " in new namespaces" : ""));
  }
  if (pid == 0) Supervise(preparation);

  error.write_end = base::UniqueFd();
  go.read_end = base::UniqueFd();
  SpawnedChild child{pid,
                     OpenPidfd(pid),
                     std::move(output.read_end),
                     std::move(events.read_end),
                     std::move(status.read_end),
                     std::move(go.write_end)};
  absl::Status started = Begin(pid, command, child.alive.get());
  if (started.ok()) started = ReadChildError(error.read_end.get(), command.arguments[0]);
  if (started.ok() && !child.pidfd.valid()) started = base::ErrnoStatus(errno, "cannot watch a process (pidfd_open)");
  if (started.ok()) return child;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return started;
}

}  // namespace joinery::worker
