#include "server/readiness.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "telemetry/log.h"

namespace joinery::server {
namespace {

absl::Duration Steady() { return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch()); }

}  // namespace

Readiness::Readiness(std::vector<ReadinessProbe> probes, const ReadinessOptions& options,
                     std::function<void(bool is_ready)> on_change)
    : probes_(std::move(probes)), options_(options), on_change_(std::move(on_change)) {
  {
    absl::Status status = TryOut();
    const absl::MutexLock lock(&mutex_);
    last_ = std::move(status);
    probed_at_ = Steady();
  }
  TellIfChanged();
  probe_thread_ = std::thread([this] { ProbeUntilStopped(); });
  watch_thread_ = std::thread([this] { WatchUntilStopped(); });
}

Readiness::~Readiness() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  probe_thread_.join();
  watch_thread_.join();
}

absl::Status Readiness::TryOut() const {
  for (const ReadinessProbe& probe : probes_) {
    RETURN_IF_ERROR(base::Annotate(probe.try_out(), absl::StrCat("the ", probe.name, " cannot be used")));
  }
  return absl::OkStatus();
}

absl::Status Readiness::CheckLocked() const {
  if (draining_) return absl::UnavailableError("the server is stopping");
  if (!last_.ok()) return last_;
  if (Steady() - probed_at_ > options_.period + options_.patience) {
    return absl::UnavailableError(
        absl::StrCat("the storage has not answered for ",
                     absl::FormatDuration(absl::Trunc(Steady() - probed_at_, absl::Seconds(1)))));
  }
  return absl::OkStatus();
}

absl::Status Readiness::Check() const {
  const absl::MutexLock lock(&mutex_);
  return CheckLocked();
}

bool Readiness::draining() const {
  const absl::MutexLock lock(&mutex_);
  return draining_;
}

void Readiness::BeginDrain() {
  {
    const absl::MutexLock lock(&mutex_);
    draining_ = true;
  }
  TellIfChanged();
}

bool Readiness::WaitOrStop() {
  const absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&stopping_), options_.period);
}

void Readiness::ProbeUntilStopped() {
  while (!WaitOrStop()) {
    absl::Status status = TryOut();
    {
      const absl::MutexLock lock(&mutex_);
      last_ = std::move(status);
      probed_at_ = Steady();
    }
    TellIfChanged();
  }
}

// Sees what the other thread cannot tell while it hangs.
void Readiness::WatchUntilStopped() {
  while (!WaitOrStop()) TellIfChanged();
}

void Readiness::TellIfChanged() {
  const absl::MutexLock lock(&tell_mutex_);
  const absl::Status status = Check();
  if (told_ && told_ready_ == status.ok()) return;
  if (draining()) {
    spdlog::info("not ready error={}", telemetry::LogValue(status.message()));
  } else if (!status.ok()) {
    spdlog::warn("not ready error={}", telemetry::LogValue(status.message()));
  } else if (told_) {
    spdlog::info("ready again");
  }
  told_ = true;
  told_ready_ = status.ok();
  on_change_(told_ready_);
}

}  // namespace joinery::server
