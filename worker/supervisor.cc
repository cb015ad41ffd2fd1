#include "worker/supervisor.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "worker/sandbox/call_filter.h"

namespace joinery::worker {
namespace {

// Where the descriptors are once they are arranged.
constexpr int kEventsFd = 3;
constexpr int kErrorFd = 4;
constexpr int kStatusFd = 5;
constexpr int kGoFd = 6;
// Above every descriptor that is given a fixed number.
constexpr int kFirstFreeFd = 10;
// While orphans are killed they may fork; with these they are killed for five seconds at least.
constexpr int kKillRounds = 5000;
constexpr timespec kKillPause = {0, 1'000'000};

[[noreturn]] void Fail(int error_fd, const char* step) {
  ChildError error{errno, {}};
  for (size_t i = 0; i + 1 < error.step.size() && step[i] != '\0'; ++i) error.step[i] = step[i];
  [[maybe_unused]] const ssize_t written = write(error_fd, &error, sizeof(error));
  _exit(127);
}

void ArrangeDescriptors(const Preparation& preparation) {
  constexpr int kCount = 6;
  const std::array<int, kCount> given = {preparation.null_fd,  preparation.output_fd, preparation.events_fd,
                                         preparation.error_fd, preparation.status_fd, preparation.go_fd};
  // First out of the way of the fixed numbers, where any of them may be by chance.
  std::array<int, kCount> moved{};
  for (size_t i = 0; i < kCount; ++i) {
    moved[i] = fcntl(given[i], F_DUPFD_CLOEXEC, kFirstFreeFd);
    if (moved[i] < 0) Fail(preparation.error_fd, "duplicate descriptors");
  }
  const auto [null_fd, output_fd, events_fd, error_fd, status_fd, go_fd] = moved;
  if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 || dup2(output_fd, STDERR_FILENO) < 0 ||
      dup2(events_fd, kEventsFd) < 0 || dup3(error_fd, kErrorFd, O_CLOEXEC) < 0 ||
      dup3(status_fd, kStatusFd, O_CLOEXEC) < 0 || dup3(go_fd, kGoFd, O_CLOEXEC) < 0) {
    Fail(error_fd, "place descriptors");
  }
  if (close_range(kGoFd + 1, UINT_MAX, 0) != 0) Fail(kErrorFd, "close descriptors");
}

void ResetSignals(const sigset_t& blocked) {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) sigaction(signal, &action, nullptr);
  sigprocmask(SIG_SETMASK, &blocked, nullptr);
}

// If memory runs out the kernel is to choose the child, not the worker. It matters little if this fails.
void OfferToBeKilledFirst() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = write(fd, "500", 3);
  close(fd);
}

// Nobody is left who would have heard of the worker's death: it may have died before we asked to be told.
bool WorkerIsGone() {
  pollfd go{kGoFd, POLLIN, 0};
  return poll(&go, 1, 0) > 0;
}

void DieWithWorker(bool in_namespaces) {
  // As the first process of its namespaces it takes all others along, even if it is not able to run.
  if (prctl(PR_SET_PDEATHSIG, in_namespaces ? SIGKILL : kEndSignal) != 0) Fail(kErrorFd, "ask to die with the worker");
  if (WorkerIsGone()) _exit(127);
}

void EnterNamespaces(const sandbox::FileView& view) {
  if (const char* step = sandbox::TakeHostFiles(view); step != nullptr) Fail(kErrorFd, step);
  // By system calls: the C library would try to tell the worker's other threads, which are not here.
  if (syscall(SYS_setresgid, kNobody, kNobody, kNobody) != 0 ||
      syscall(SYS_setresuid, kNobody, kNobody, kNobody) != 0) {
    Fail(kErrorFd, "become nobody");
  }
  if (const char* step = sandbox::EnterFileView(view); step != nullptr) Fail(kErrorFd, step);
}

// Nothing that is written here can be read by the child: neither through /proc nor by tracing.
void HideWorker(const Preparation& preparation) {
  memset(preparation.command_line.first, 0, preparation.command_line.second);
  if (prctl(PR_SET_DUMPABLE, 0) != 0) Fail(kErrorFd, "hide the worker's memory");
}

[[noreturn]] void RunProgram(const Preparation& preparation, pid_t supervisor) {
  // In namespaces the kernel does this, and parents outside have no number.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) Fail(kErrorFd, "ask to die with its supervisor");
  if (getppid() != supervisor) _exit(127);
  if (setsid() < 0) Fail(kErrorFd, "start a session");
  sigset_t none;
  sigemptyset(&none);
  ResetSignals(none);
  umask(077);
  close(kStatusFd);
  close(kGoFd);
  if (chdir(preparation.folder.c_str()) != 0) Fail(kErrorFd, "enter its folder");
  for (const Limit& limit : preparation.limits) {
    if (setrlimit(limit.resource, &limit.value) != 0) Fail(kErrorFd, "set its limits");
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) Fail(kErrorFd, "give up privileges");
  if (preparation.rules.has_value() && !sandbox::ApplyFileRules(*preparation.rules)) {
    Fail(kErrorFd, "set rules for files (Landlock)");
  }
  if (!preparation.call_filter.empty() && !sandbox::ApplyCallFilter(preparation.call_filter)) {
    Fail(kErrorFd, "filter system calls (seccomp)");
  }
  execve(preparation.argv[0], preparation.argv.data(), preparation.envp.data());
  Fail(kErrorFd, "start it");
}

// The numbers of our children, separated by spaces, as many as fit.
ssize_t ReadChildren(char* numbers, size_t size) {
  const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t count = read(fd, numbers, size);
  close(fd);
  return count;
}

void KillChildren() {
  std::array<char, 16384> numbers{};
  const ssize_t count = ReadChildren(numbers.data(), numbers.size());
  pid_t pid = 0;
  for (ssize_t i = 0; i < count; ++i) {
    const char digit = numbers[static_cast<size_t>(i)];
    if (digit == ' ') {
      if (pid > 1) kill(pid, SIGKILL);
      pid = 0;
    } else {
      pid = pid * 10 + (digit - '0');
    }
  }
}

// Orphans become children of this process (PR_SET_CHILD_SUBREAPER), whatever session they made for themselves.
void KillDescendants() {
  for (int round = 0; round < kKillRounds; ++round) {
    KillChildren();
    pid_t reaped = 0;
    do {
      reaped = waitpid(-1, nullptr, WNOHANG);
    } while (reaped > 0);
    if (reaped < 0) return;
    nanosleep(&kKillPause, nullptr);
  }
}

// Ends the supervisor, and with it what is left of the child's processes.
[[noreturn]] void End(pid_t child, bool in_namespaces) {
  kill(-child, SIGKILL);
  kill(child, SIGKILL);
  int status = 0;
  if (waitpid(child, &status, 0) == child) {
    [[maybe_unused]] const ssize_t written = write(kStatusFd, &status, sizeof(status));
  }
  // With the first process of its namespace the kernel kills all others.
  if (!in_namespaces) KillDescendants();
  _exit(0);
}

// Reaps orphans. Whether the child has ended; it is not reaped, so that its process group cannot become another's.
bool HasEnded(pid_t child) {
  while (true) {
    siginfo_t ended{};
    if (waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) return true;
    if (ended.si_pid == child) return true;
    ended = {};
    if (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) return false;
    if (ended.si_pid == child) return true;
    waitpid(ended.si_pid, nullptr, WNOHANG);
  }
}

[[noreturn]] void Watch(pid_t child, bool in_namespaces) {
  sigset_t wanted;
  sigemptyset(&wanted);
  for (const int signal : {SIGCHLD, SIGTERM, kEndSignal}) sigaddset(&wanted, signal);
  while (true) {
    const int signal = sigwaitinfo(&wanted, nullptr);
    if (signal == kEndSignal) End(child, in_namespaces);
    if (signal == SIGTERM && kill(-child, SIGTERM) != 0) kill(child, SIGTERM);
    if (HasEnded(child)) End(child, in_namespaces);
  }
}

}  // namespace

void Supervise(const Preparation& preparation) {
  const bool in_namespaces = preparation.view.has_value();
  sigset_t all;
  sigfillset(&all);
  ResetSignals(all);
  ArrangeDescriptors(preparation);
  char go = 0;
  if (read(kGoFd, &go, 1) != 1) _exit(127);
  OfferToBeKilledFirst();
  if (in_namespaces) EnterNamespaces(*preparation.view);
  // Not before: becoming another user takes it back.
  DieWithWorker(in_namespaces);
  HideWorker(preparation);
  if (!in_namespaces && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) Fail(kErrorFd, "adopt orphans");
  const auto supervisor = static_cast<pid_t>(syscall(SYS_getpid));
  const auto child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr));
  if (child < 0) Fail(kErrorFd, "start a process");
  if (child == 0) RunProgram(preparation, supervisor);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, kEventsFd, kErrorFd}) close(fd);
  Watch(child, in_namespaces);
}

}  // namespace joinery::worker
