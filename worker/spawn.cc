#include "worker/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::worker {
namespace {

constexpr int kEventsFd = 3;
// Above every descriptor that is given a fixed number below.
constexpr int kFirstFreeFd = 10;
// After SIGXCPU a program has this long to say something before SIGKILL.
constexpr rlim_t kSecondsAfterCpuLimit = 5;

struct Pipe {
  base::UniqueFd read_end;
  base::UniqueFd write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return base::ErrnoStatus(errno, "cannot make a pipe");
  return Pipe{base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
}

struct Limit {
  __rlimit_resource resource;
  rlimit value;
};

// Raising a hard limit needs privileges, so nothing goes above the present one.
Limit MakeLimit(__rlimit_resource resource, rlim_t soft, rlim_t hard) {
  rlimit present{};
  getrlimit(resource, &present);
  return {resource, {std::min(soft, present.rlim_max), std::min(hard, present.rlim_max)}};
}

std::vector<Limit> MakeLimits(const ChildLimits& limits) {
  std::vector<Limit> made = {MakeLimit(RLIMIT_CORE, 0, 0)};
  if (limits.memory_bytes > 0) {
    const auto bytes = static_cast<rlim_t>(limits.memory_bytes);
    made.push_back(MakeLimit(RLIMIT_AS, bytes, bytes));
  }
  if (limits.file_size_bytes > 0) {
    const auto bytes = static_cast<rlim_t>(limits.file_size_bytes);
    made.push_back(MakeLimit(RLIMIT_FSIZE, bytes, bytes));
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

// All that the child needs between fork and exec, made before the fork: there it may not allocate.
struct Preparation {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<Limit> limits;
  const char* folder;
  pid_t parent;
  int null_fd;
  int output_fd;
  int events_fd;
  int error_fd;
};

// What went wrong between fork and exec, as it travels through the pipe.
struct ChildError {
  int errno_value;
  std::array<char, 32> step;
};

// From here to exec only calls that are safe after a fork from many threads.
[[noreturn]] void Fail(int error_fd, const char* step) {
  ChildError error{errno, {}};
  for (size_t i = 0; i + 1 < error.step.size() && step[i] != '\0'; ++i) error.step[i] = step[i];
  [[maybe_unused]] const ssize_t written = write(error_fd, &error, sizeof(error));
  _exit(127);
}

void ResetSignals() {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Returns the number the error pipe has from now on.
int ArrangeDescriptors(const Preparation& preparation) {
  // First out of the way of 0 to 3, where any of them may be by chance.
  const int error_fd = fcntl(preparation.error_fd, F_DUPFD_CLOEXEC, kFirstFreeFd);
  const int null_fd = fcntl(preparation.null_fd, F_DUPFD_CLOEXEC, kFirstFreeFd);
  const int output_fd = fcntl(preparation.output_fd, F_DUPFD_CLOEXEC, kFirstFreeFd);
  const int events_fd = fcntl(preparation.events_fd, F_DUPFD_CLOEXEC, kFirstFreeFd);
  if (error_fd < 0 || null_fd < 0 || output_fd < 0 || events_fd < 0)
    Fail(preparation.error_fd, "duplicate descriptors");
  if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0 ||
      dup2(events_fd, kEventsFd) < 0) {
    Fail(error_fd, "place descriptors");
  }
  if (close_range(kEventsFd + 1, static_cast<unsigned>(error_fd) - 1, 0) != 0 ||
      close_range(static_cast<unsigned>(error_fd) + 1, UINT_MAX, 0) != 0) {
    Fail(error_fd, "close descriptors");
  }
  return error_fd;
}

[[noreturn]] void RunInChild(const Preparation& preparation) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail(preparation.error_fd, "ask to die with the worker");
  if (getppid() != preparation.parent) _exit(127);  // The worker died before the line above.
  if (setsid() < 0) Fail(preparation.error_fd, "start a session");
  ResetSignals();
  umask(077);
  const int error_fd = ArrangeDescriptors(preparation);
  if (chdir(preparation.folder) != 0) Fail(error_fd, "enter its folder");
  for (const Limit& limit : preparation.limits) {
    if (setrlimit(limit.resource, &limit.value) != 0) Fail(error_fd, "set its limits");
  }
  execve(preparation.argv[0], preparation.argv.data(), preparation.envp.data());
  Fail(error_fd, "start it");
}

// The C library of Debian 12 declares pidfd_open without C linkage.
base::UniqueFd OpenPidfd(pid_t pid) { return base::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))); }

// OK once the child runs its program; else why it does not.
absl::Status ReadChildError(int fd, const std::string& program) {
  ChildError error{};
  ssize_t count = 0;
  do {
    count = read(fd, &error, sizeof(error));
  } while (count < 0 && errno == EINTR);
  if (count == 0) return absl::OkStatus();
  if (count != sizeof(error)) return absl::InternalError(absl::StrCat("cannot run ", program));
  return base::ErrnoStatus(error.errno_value, absl::StrCat("cannot run ", program, ": cannot ", error.step.data()));
}

}  // namespace

absl::StatusOr<SpawnedChild> Spawn(const ChildCommand& command) {
  ASSIGN_OR_RETURN(const base::UniqueFd null_fd, base::OpenFile("/dev/null", O_RDONLY));
  ASSIGN_OR_RETURN(Pipe output, MakePipe());
  ASSIGN_OR_RETURN(Pipe events, MakePipe());
  ASSIGN_OR_RETURN(Pipe error, MakePipe());
  fcntl(output.read_end.get(), F_SETFL, O_NONBLOCK);
  fcntl(events.read_end.get(), F_SETFL, O_NONBLOCK);

  Preparation preparation{.arguments = command.arguments,
                          .environment = {"PATH=/usr/local/bin:/usr/bin:/bin", absl::StrCat("HOME=", command.folder),
                                          absl::StrCat("TMPDIR=", command.folder), "LANG=C.UTF-8"},
                          .argv = {},
                          .envp = {},
                          .limits = MakeLimits(command.limits),
                          .folder = command.folder.c_str(),
                          .parent = getpid(),
                          .null_fd = null_fd.get(),
                          .output_fd = output.write_end.get(),
                          .events_fd = events.write_end.get(),
                          .error_fd = error.write_end.get()};
  preparation.argv = Pointers(preparation.arguments);
  preparation.envp = Pointers(preparation.environment);

  const pid_t pid = fork();
  if (pid < 0) return base::ErrnoStatus(errno, absl::StrCat("cannot start a process for ", command.arguments[0]));
  if (pid == 0) RunInChild(preparation);

  error.write_end = base::UniqueFd();
  SpawnedChild child{pid, OpenPidfd(pid), std::move(output.read_end), std::move(events.read_end)};
  absl::Status status = ReadChildError(error.read_end.get(), command.arguments[0]);
  if (status.ok() && !child.pidfd.valid()) status = base::ErrnoStatus(errno, "cannot watch a process (pidfd_open)");
  if (status.ok()) return child;
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return status;
}

}  // namespace joinery::worker
