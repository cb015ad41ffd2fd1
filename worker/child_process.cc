#include "worker/child_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status.h"
#include "worker/process_memory.h"
#include "worker/stopwatch.h"
#include "worker/supervisor.h"

namespace joinery::worker {
namespace {

constexpr size_t kLastOutputBytes = 64 * 1024;
constexpr absl::Duration kTermGrace = absl::Seconds(2);
// For the supervisor to get rid of all processes.
constexpr absl::Duration kEndGrace = absl::Seconds(6);
constexpr absl::Duration kBetweenLooks = absl::Seconds(1);
// What a pipe can hold by default. More can only come from somebody who escaped the process group and still writes.
constexpr size_t kMaxBytesAfterEnd = 64 * 1024;

// Keeps the last kLastOutputBytes of what is added.
class Tail {
 public:
  void Add(absl::string_view bytes) {
    kept_.append(bytes.data(), bytes.size());
    if (kept_.size() > 2 * kLastOutputBytes) Shorten();
  }
  std::string Take() {
    Shorten();
    return std::move(kept_);
  }

 private:
  void Shorten() {
    if (kept_.size() > kLastOutputBytes) kept_.erase(0, kept_.size() - kLastOutputBytes);
  }
  std::string kept_;
};

// What the files below `folder` take on disk. What the child hides from us is not counted, but still limited one by
// one. Ends early once it is more than `enough`.
int64_t MeasureFolder(const std::string& folder, int64_t enough) {
  constexpr int64_t kBlockBytes = 512;
  int64_t bytes = 0;
  std::error_code error;
  const auto options = std::filesystem::directory_options::skip_permission_denied;
  std::filesystem::recursive_directory_iterator entry(folder, options, error);
  for (const std::filesystem::recursive_directory_iterator end; !error && entry != end && bytes <= enough;
       entry.increment(error)) {
    struct stat info {};
    if (lstat(entry->path().c_str(), &info) == 0) bytes += info.st_blocks * kBlockBytes;
  }
  return bytes;
}

// How often the kernel has killed a process of this host since it started because memory ran out, if it says so.
std::optional<int64_t> CountKilledForMemory() {
  const absl::StatusOr<std::string> counters = base::ReadFile("/proc/vmstat", int64_t{1} << 20);
  if (!counters.ok()) return std::nullopt;
  for (const absl::string_view line : absl::StrSplit(*counters, '\n')) {
    absl::string_view number = line;
    int64_t count = 0;
    if (absl::ConsumePrefix(&number, "oom_kill ") && absl::SimpleAtoi(number, &count)) return count;
  }
  return std::nullopt;
}

// A child that is running. Does not outlive this object.
class RunningChild {
 public:
  RunningChild(SpawnedChild child, bool in_namespaces, const std::function<void(absl::string_view)>& take_events)
      : child_(std::move(child)), in_namespaces_(in_namespaces), take_events_(take_events), piece_(kMaxBytesAfterEnd) {}
  ~RunningChild() {
    if (!reaped_) Reap();
  }
  RunningChild(const RunningChild&) = delete;
  RunningChild& operator=(const RunningChild&) = delete;

  // Waits until it has ended, `wake_fd` is readable or `timeout` is over, and takes what it wrote meanwhile. Returns
  // whether it has ended.
  bool Wait(int wake_fd, absl::Duration timeout) {
    std::array<pollfd, 4> fds = {{{child_.pidfd.get(), POLLIN, 0},
                                  {child_.output.get(), POLLIN, 0},
                                  {child_.events.get(), POLLIN, 0},
                                  {wake_fd, POLLIN, 0}}};
    // The upper end keeps the milliseconds within an int.
    const absl::Duration bounded = std::clamp(timeout, absl::ZeroDuration(), absl::Hours(1));
    const int milliseconds = static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(bounded, absl::Milliseconds(1))));
    if (poll(fds.data(), fds.size(), milliseconds) <= 0) return false;
    if (fds[1].revents != 0) ReadOnce(child_.output, /*is_output=*/true);
    if (fds[2].revents != 0) ReadOnce(child_.events, /*is_output=*/false);
    return fds[0].revents != 0;
  }

  bool HasMoreMemoryThan(int64_t bytes) const { return HaveMoreMemoryThan(child_.pid, bytes); }

  // Asks the program and its process group to end. Not an error if there is nobody left.
  void Terminate() const { kill(child_.pid, SIGTERM); }

  // Ends the program and all it started: at once with namespaces, else the supervisor finds them.
  void Kill() const { kill(child_.pid, in_namespaces_ ? SIGKILL : kEndSignal); }

  // To be called once, when it has ended or shall end now.
  void Finish(ChildEnd& end) {
    Reap();
    ReadOnce(child_.events, /*is_output=*/false);
    ReadOnce(child_.output, /*is_output=*/true);
    end.wait_status = wait_status_;
    end.cpu_time = absl::DurationFromTimeval(usage_.ru_utime) + absl::DurationFromTimeval(usage_.ru_stime);
    end.last_output = tail_.Take();
  }

 private:
  void Reap() {
    Kill();
    pollfd ended{child_.pidfd.get(), POLLIN, 0};
    // A supervisor that somebody stopped or that cannot get rid of the program's processes.
    if (poll(&ended, 1, static_cast<int>(absl::ToInt64Milliseconds(kEndGrace))) <= 0) kill(child_.pid, SIGKILL);
    while (wait4(child_.pid, &wait_status_, 0, &usage_) < 0 && errno == EINTR) {
    }
    int program_status = 0;
    if (read(child_.status.get(), &program_status, sizeof(program_status)) == sizeof(program_status)) {
      wait_status_ = program_status;
    }
    reaped_ = true;
  }

  void ReadOnce(base::UniqueFd& fd, bool is_output) {
    if (!fd.valid()) return;
    const ssize_t count = read(fd.get(), piece_.data(), piece_.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) {
      fd = base::UniqueFd();
      return;
    }
    const absl::string_view bytes(piece_.data(), static_cast<size_t>(count));
    if (is_output) {
      tail_.Add(bytes);
    } else {
      take_events_(bytes);
    }
  }

  SpawnedChild child_;
  const bool in_namespaces_;
  const std::function<void(absl::string_view)>& take_events_;
  std::vector<char> piece_;
  Tail tail_;
  int wait_status_ = 0;
  rusage usage_{};
  bool reaped_ = false;
};

}  // namespace

absl::StatusOr<ChildEnd> RunChild(const ChildCommand& command, const JobStop& stop,
                                  const std::function<void(absl::string_view)>& take_events) {
  base::UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return base::ErrnoStatus(errno, "cannot make an eventfd");
  const std::optional<int64_t> killed_for_memory_before = CountKilledForMemory();
  ASSIGN_OR_RETURN(SpawnedChild spawned, Spawn(command));
  RunningChild child(std::move(spawned), command.sandbox.namespaces, take_events);
  const std::stop_callback wake_up(stop.token(), [&] { eventfd_write(wake.get(), 1); });

  const Stopwatch stopwatch;
  const int64_t disk_bytes = command.limits.disk_bytes;
  const int64_t memory_bytes = command.limits.memory_bytes;
  absl::Time kill_at = stopwatch.Now() + command.limits.wall_time;
  absl::Time look_at = disk_bytes > 0 || memory_bytes > 0 ? stopwatch.Now() + kBetweenLooks : absl::InfiniteFuture();
  ChildEnd end;
  bool killed = false;
  while (!child.Wait(end.stopped ? -1 : wake.get(),
                     std::min(kill_at, killed ? absl::InfiniteFuture() : look_at) - stopwatch.Now())) {
    if (killed && stopwatch.Now() >= kill_at) break;
    if (!end.stopped && stop.requested()) {
      end.stopped = true;
      kill_at = stopwatch.Now();
      if (stop.reason() == StopReason::kCancelled) {
        child.Terminate();
        kill_at += kTermGrace;
      }
    }
    if (!killed && !end.stopped && stopwatch.Now() >= look_at) {
      look_at = stopwatch.Now() + kBetweenLooks;
      end.out_of_disk = disk_bytes > 0 && MeasureFolder(command.folder, disk_bytes) > disk_bytes;
      end.out_of_memory = memory_bytes > 0 && !end.out_of_disk && child.HasMoreMemoryThan(memory_bytes);
    }
    const bool has_too_much = end.out_of_disk || end.out_of_memory;
    if (!killed && (has_too_much || stopwatch.Now() >= kill_at)) {
      child.Kill();
      killed = true;
      kill_at = stopwatch.Now() + kEndGrace;
      end.out_of_wall_time = !end.stopped && !has_too_much;
    }
  }
  child.Finish(end);
  const std::optional<int64_t> killed_for_memory = CountKilledForMemory();
  if (killed_for_memory.has_value() && killed_for_memory_before.has_value()) {
    end.killed_for_memory = *killed_for_memory - *killed_for_memory_before;
  }
  return end;
}

}  // namespace joinery::worker
