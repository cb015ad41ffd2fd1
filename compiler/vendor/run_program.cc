#include "compiler/vendor/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/line_splitter.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

constexpr absl::Duration kTermGrace = absl::Seconds(2);
constexpr size_t kMaxLineBytes = 2000;
constexpr int kExitCodeOfMissing = 127;

struct Pipe {
  base::UniqueFd read_end;
  base::UniqueFd write_end;
};

absl::StatusOr<Pipe> MakePipe() {
  std::array<int, 2> fds{};
  if (pipe2(fds.data(), O_CLOEXEC) != 0) return base::ErrnoStatus(errno, "cannot make a pipe");
  return Pipe{base::UniqueFd(fds[0]), base::UniqueFd(fds[1])};
}

// Where the handler writes the signal that came; -1 while nobody listens.
volatile std::sig_atomic_t signal_fd = -1;

void PassOn(int signal) {
  const int saved = errno;
  const auto number = static_cast<char>(signal);
  [[maybe_unused]] const ssize_t written = write(signal_fd, &number, 1);
  errno = saved;
}

// For as long as it lives, SIGINT and SIGTERM go into a pipe instead of ending this process.
class SignalsInPipe {
 public:
  explicit SignalsInPipe(int write_fd) {
    signal_fd = write_fd;
    struct sigaction action {};
    action.sa_handler = PassOn;
    sigaction(SIGINT, &action, &old_interrupt_);
    sigaction(SIGTERM, &action, &old_terminate_);
  }
  ~SignalsInPipe() {
    sigaction(SIGINT, &old_interrupt_, nullptr);
    sigaction(SIGTERM, &old_terminate_, nullptr);
    signal_fd = -1;
  }
  SignalsInPipe(const SignalsInPipe&) = delete;
  SignalsInPipe& operator=(const SignalsInPipe&) = delete;

 private:
  struct sigaction old_interrupt_ {};
  struct sigaction old_terminate_ {};
};

// Lines as people see them, until the program has printed too much.
class Lines {
 public:
  Lines(int64_t limit, const std::function<void(absl::string_view)>& take)
      : splitter_(kMaxLineBytes, [this](absl::string_view line, bool /*whole*/) { Take(line); }),
        left_(limit),
        take_(take) {}

  void Add(absl::string_view bytes) {
    // Progress bars go back to the beginning of their line.
    splitter_.Add(absl::StrReplaceAll(bytes, {{"\r", "\n"}}));
  }

  void Finish() { splitter_.Finish(); }

 private:
  void Take(absl::string_view bytes) {
    std::string line(bytes);
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return absl::ascii_iscntrl(c); }, ' ');
    absl::StripTrailingAsciiWhitespace(&line);
    if (line.empty() || left_ <= 0) return;
    left_ -= static_cast<int64_t>(line.size());
    take_(line);
    if (left_ <= 0) take_("(it printed more, which is left out)");
  }

  base::LineSplitter splitter_;
  int64_t left_;
  const std::function<void(absl::string_view)>& take_;
};

// All that the child needs, made before: after a fork of a program with threads only system calls are safe.
struct Preparation {
  std::vector<char*> arguments;
  const char* folder;
  int output_fd;
  int error_fd;
  rlimit file_size;
  pid_t parent;
};

[[noreturn]] void BecomeProgram(const Preparation& preparation) {
  const auto fail = [&] {
    const int error = errno;
    [[maybe_unused]] const ssize_t written = write(preparation.error_fd, &error, sizeof(error));
    _exit(kExitCodeOfMissing);
  };
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != preparation.parent) _exit(kExitCodeOfMissing);
  const int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(preparation.output_fd, STDOUT_FILENO) < 0 ||
      dup2(preparation.output_fd, STDERR_FILENO) < 0 || chdir(preparation.folder) != 0 ||
      setrlimit(RLIMIT_FSIZE, &preparation.file_size) != 0) {
    fail();
  }
  execvp(preparation.arguments[0], preparation.arguments.data());
  fail();
  _exit(kExitCodeOfMissing);
}

class RunningProgram {
 public:
  RunningProgram(pid_t pid, Pipe output, Pipe signals, const ProgramLimits& limits, Lines& lines)
      : pid_(pid), output_(std::move(output)), signals_(std::move(signals)), limits_(limits), lines_(lines) {}

  ProgramEnd RunToEnd() {
    output_.write_end = base::UniqueFd();
    kill_at_ = absl::Now() + limits_.wall_time;
    while (Step()) {
    }
    // Whoever it left behind.
    kill(-pid_, SIGKILL);
    while (waitpid(pid_, &end_.wait_status, 0) < 0 && errno == EINTR) {
    }
    lines_.Finish();
    return end_;
  }

 private:
  // False once it has ended.
  bool Step() {
    std::array<pollfd, 2> fds = {{{output_.read_end.get(), POLLIN, 0}, {signals_.read_end.get(), POLLIN, 0}}};
    poll(fds.data(), fds.size(), /*timeout=*/100);
    char signal = 0;
    if ((fds[1].revents & POLLIN) != 0 && read(signals_.read_end.get(), &signal, 1) == 1) {
      if (end_.signal == 0) End();
      end_.signal = signal;
    }
    if (!is_ending_ && absl::Now() >= kill_at_) {
      end_.out_of_time = true;
      End();
    } else if (is_ending_ && absl::Now() >= kill_at_) {
      kill(-pid_, SIGKILL);
    }
    if (fds[0].revents != 0) Read();
    siginfo_t info{};
    const bool has_ended =
        waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid_;
    if (has_ended) Read();
    return !has_ended;
  }

  void End() {
    kill(-pid_, SIGTERM);
    is_ending_ = true;
    kill_at_ = absl::Now() + kTermGrace;
  }

  void Read() {
    if (!output_.read_end.valid()) return;
    while (true) {
      std::array<char, 65536> piece{};
      const ssize_t count = read(output_.read_end.get(), piece.data(), piece.size());
      if (count > 0) lines_.Add({piece.data(), static_cast<size_t>(count)});
      if (count == 0) output_.read_end = base::UniqueFd();
      // A program that writes without end does not keep us from looking at the clock.
      if (count < static_cast<ssize_t>(piece.size())) return;
      if (is_ending_ || absl::Now() >= kill_at_) return;
    }
  }

  const pid_t pid_;
  Pipe output_;
  Pipe signals_;
  const ProgramLimits limits_;
  Lines& lines_;
  absl::Time kill_at_;
  bool is_ending_ = false;
  ProgramEnd end_;
};

}  // namespace

absl::StatusOr<ProgramEnd> RunProgram(const std::vector<std::string>& command, const std::string& folder,
                                      const ProgramLimits& limits,
                                      const std::function<void(absl::string_view line)>& take_line) {
  ASSIGN_OR_RETURN(Pipe output, MakePipe());
  ASSIGN_OR_RETURN(Pipe error, MakePipe());
  ASSIGN_OR_RETURN(Pipe signals, MakePipe());
  fcntl(output.read_end.get(), F_SETFL, O_NONBLOCK);
  std::vector<std::string> words = command;
  Preparation preparation{.arguments = {},
                          .folder = folder.c_str(),
                          .output_fd = output.write_end.get(),
                          .error_fd = error.write_end.get(),
                          .file_size = {},
                          .parent = getpid()};
  for (std::string& word : words) preparation.arguments.push_back(word.data());
  preparation.arguments.push_back(nullptr);
  getrlimit(RLIMIT_FSIZE, &preparation.file_size);
  preparation.file_size.rlim_cur = std::min(preparation.file_size.rlim_max, static_cast<rlim_t>(limits.file_bytes));

  const SignalsInPipe in_pipe(signals.write_end.get());
  const pid_t pid = fork();
  if (pid < 0) return base::ErrnoStatus(errno, absl::StrCat("cannot start a process for ", command[0]));
  if (pid == 0) BecomeProgram(preparation);
  // Here too, whoever is first.
  setpgid(pid, pid);
  error.write_end = base::UniqueFd();
  int error_number = 0;
  const bool failed = read(error.read_end.get(), &error_number, sizeof(error_number)) == sizeof(error_number);
  Lines lines(limits.output_bytes, take_line);
  const ProgramEnd end = RunningProgram(pid, std::move(output), std::move(signals), limits, lines).RunToEnd();
  if (failed) return base::ErrnoStatus(error_number, absl::StrCat("cannot run ", command[0]));
  return end;
}

}  // namespace joinery::compiler
