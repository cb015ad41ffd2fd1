#include "worker/child_process.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/status.h"
#include "worker/stopwatch.h"

namespace joinery::worker {
namespace {

constexpr size_t kLastOutputBytes = 64 * 1024;
constexpr absl::Duration kTermGrace = absl::Seconds(2);
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

// A child that is running. Does not outlive this object.
class RunningChild {
 public:
  RunningChild(SpawnedChild child, const std::function<void(absl::string_view)>& take_events)
      : child_(std::move(child)), take_events_(take_events), piece_(kMaxBytesAfterEnd) {}
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

  // Not an error if there is nobody left.
  void SignalGroup(int signal) const { kill(-child_.pid, signal); }

  // To be called once, when it has ended or shall end now.
  ChildEnd Finish() {
    Reap();
    ReadOnce(child_.events, /*is_output=*/false);
    ReadOnce(child_.output, /*is_output=*/true);
    ChildEnd end;
    end.wait_status = wait_status_;
    end.cpu_time = absl::DurationFromTimeval(usage_.ru_utime) + absl::DurationFromTimeval(usage_.ru_stime);
    end.last_output = tail_.Take();
    return end;
  }

 private:
  // The group is killed while its leader is still a zombie: until it is reaped nobody else can get its number.
  void Reap() {
    SignalGroup(SIGKILL);
    while (wait4(child_.pid, &wait_status_, 0, &usage_) < 0 && errno == EINTR) {
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
  ASSIGN_OR_RETURN(SpawnedChild spawned, Spawn(command));
  RunningChild child(std::move(spawned), take_events);
  const std::stop_callback wake_up(stop.token(), [&] { eventfd_write(wake.get(), 1); });

  const Stopwatch stopwatch;
  absl::Time kill_at = stopwatch.Now() + command.limits.wall_time;
  bool out_of_wall_time = false;
  bool stopped = false;
  bool killed = false;
  while (!child.Wait(stopped ? -1 : wake.get(), killed ? absl::InfiniteDuration() : kill_at - stopwatch.Now())) {
    if (!stopped && stop.requested()) {
      stopped = true;
      kill_at = stopwatch.Now();
      if (stop.reason() == StopReason::kCancelled) {
        child.SignalGroup(SIGTERM);
        kill_at += kTermGrace;
      }
    }
    if (!killed && stopwatch.Now() >= kill_at) {
      child.SignalGroup(SIGKILL);
      killed = true;
      out_of_wall_time = !stopped;
    }
  }
  ChildEnd end = child.Finish();
  end.out_of_wall_time = out_of_wall_time;
  end.stopped = stopped;
  return end;
}

}  // namespace joinery::worker
