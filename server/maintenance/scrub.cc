#include "server/maintenance/scrub.h"

#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "base/wait.h"
#include "storage/blob_digest.h"
#include "telemetry/log.h"

namespace joinery::server {
namespace {

constexpr absl::Duration kRetryAfter = absl::Minutes(10);
// A restart reads again what was read in this time.
constexpr absl::Duration kSavePeriod = absl::Minutes(1);
// Opening a file is as much work for a disk as reading so much.
constexpr int64_t kOpenCostBytes = int64_t{64} << 10;
constexpr int64_t kMaxStateBytes = 1000;

// A round over all blobs, as far as it has come.
struct Round {
  absl::Time began_at;
  // The digest read last; empty: none yet.
  std::string last;
  bool ended = false;
};

std::string StatePath(const ScrubOptions& options) { return options.folder + "/scrub"; }

// One line: seconds since 1970, then the last digest, "none" or "ended".
void Save(const ScrubOptions& options, const Round& round) {
  const std::string where = round.ended ? "ended" : round.last.empty() ? "none" : round.last;
  const std::string line = absl::StrCat(absl::ToUnixSeconds(round.began_at), " ", where, "\n");
  // Without it some blobs are read once more, that is all.
  base::WriteFileAtomically(StatePath(options), line).IgnoreError();
}

// The round that an earlier process has left; a new one if there is none or nobody can read it.
Round Load(const ScrubOptions& options, absl::Time now) {
  const Round fresh = {.began_at = now, .last = "", .ended = false};
  const absl::StatusOr<std::string> line = base::ReadFile(StatePath(options), kMaxStateBytes);
  if (!line.ok()) return fresh;
  const std::vector<std::string> words = absl::StrSplit(*line, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  int64_t began_at = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[0], &began_at)) return fresh;
  Round round = {.began_at = absl::FromUnixSeconds(began_at), .last = "", .ended = words[1] == "ended"};
  if (base::IsDigest(words[1])) round.last = words[1];
  return round;
}

class Scrub {
 public:
  Scrub(const ScrubOptions& options, storage::BlobStore& blobs, Observer& observer, const base::Clock& clock,
        const ScrubPause& pause)
      : options_(options),
        blobs_(blobs),
        observer_(observer),
        clock_(clock),
        pause_(pause),
        round_(Load(options, clock.Now())),
        saved_at_(clock.Steady()) {}

  absl::Status Run() {
    while (true) {
      if (round_.ended) RETURN_IF_ERROR(AwaitNextRound());
      RETURN_IF_ERROR(FinishRound());
    }
  }

  // However Run ended.
  ~Scrub() { Save(options_, round_); }

 private:
  absl::Status Wait(absl::Duration duration) {
    return pause_(duration) ? absl::OkStatus() : absl::CancelledError("the server stops");
  }

  absl::Status AwaitNextRound() {
    // However the time of day was set.
    const absl::Duration left = round_.began_at + options_.period - clock_.Now();
    RETURN_IF_ERROR(Wait(std::clamp(left, absl::ZeroDuration(), options_.period)));
    round_ = {.began_at = clock_.Now(), .last = "", .ended = false};
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::string>> ListRest() {
    std::vector<std::string> digests;
    RETURN_IF_ERROR(blobs_.ForEach([&](const storage::StoredBlob& blob) {
      if (blob.digest > round_.last) digests.push_back(blob.digest);
      return absl::OkStatus();
    }));
    std::sort(digests.begin(), digests.end());
    return digests;
  }

  absl::Status FinishRound() {
    ASSIGN_OR_RETURN(const std::vector<std::string> digests, ListRest());
    int damaged = 0;
    for (const std::string& digest : digests) {
      ASSIGN_OR_RETURN(const bool is_damaged, ReadOne(digest));
      damaged += is_damaged ? 1 : 0;
      round_.last = digest;
      if (clock_.Steady() - saved_at_ < kSavePeriod) continue;
      Save(options_, round_);
      saved_at_ = clock_.Steady();
    }
    round_.ended = true;
    Save(options_, round_);
    observer_.ScrubEnded(clock_.Now());
    spdlog::info("all blobs were read again blobs={} damaged={}", digests.size(), damaged);
    return absl::OkStatus();
  }

  // Whether it was damaged. Errors: time to stop, or it cannot be moved.
  absl::StatusOr<bool> ReadOne(const std::string& digest) {
    RETURN_IF_ERROR(Pace(kOpenCostBytes));
    const absl::StatusOr<std::string> actual = DigestOnDisk(digest);
    if (absl::IsNotFound(actual.status())) return false;  // Removed meanwhile.
    if (absl::IsCancelled(actual.status())) return actual.status();
    if (!actual.ok()) {
      spdlog::error("a stored blob cannot be read blob={} error={}", digest,
                    telemetry::LogValue(actual.status().message()));
      return false;
    }
    if (*actual == digest) return false;
    observer_.BlobDamaged(digest);
    // Not to be met again if it cannot be moved.
    round_.last = digest;
    RETURN_IF_ERROR(blobs_.Quarantine(digest));
    return true;
  }

  absl::StatusOr<std::string> DigestOnDisk(const std::string& digest) {
    ASSIGN_OR_RETURN(const std::unique_ptr<storage::BlobReader> blob, blobs_.Open(digest));
    blob->DropCached();
    absl::StatusOr<std::string> actual = storage::DigestOf(*blob, [this](int64_t bytes) {
      observer_.BytesScrubbed(bytes);
      return Pace(bytes);
    });
    blob->DropCached();
    return actual;
  }

  // Waits until `bytes` may have been read since the last time.
  absl::Status Pace(int64_t bytes) {
    const absl::Duration due =
        absl::Seconds(static_cast<double>(bytes) / static_cast<double>(options_.bytes_per_second));
    const absl::Duration spent = clock_.Steady() - paced_at_;
    RETURN_IF_ERROR(Wait(std::max(due - spent, absl::ZeroDuration())));
    paced_at_ = clock_.Steady();
    return absl::OkStatus();
  }

  const ScrubOptions& options_;
  storage::BlobStore& blobs_;
  Observer& observer_;
  const base::Clock& clock_;
  const ScrubPause& pause_;
  Round round_;
  // Of Clock::Steady.
  absl::Duration saved_at_;
  absl::Duration paced_at_;
};

// Of the calling thread. Not SCHED_IDLE: where others take all of the processor, a lock that the thread holds, if only
// to open a file, would keep uploads waiting.
void LeaveTheMachineToOthers() {
  constexpr int kThisThread = 0;
  constexpr int kWhoThread = 1;        // IOPRIO_WHO_PROCESS
  constexpr int kIdleInput = 3 << 13;  // IOPRIO_CLASS_IDLE
  constexpr int kNice = 10;
  // What is refused only makes the scrub less polite; its rate holds.
  (void)setpriority(PRIO_PROCESS, kThisThread, kNice);
  (void)syscall(SYS_ioprio_set, kWhoThread, kThisThread, kIdleInput);
}

}  // namespace

absl::Status ScrubUntilStopped(const ScrubOptions& options, storage::BlobStore& blobs, Observer& observer,
                               const base::Clock& clock, const ScrubPause& pause) {
  const absl::Status status = Scrub(options, blobs, observer, clock, pause).Run();
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

Scrubber::Scrubber(ScrubOptions options, storage::BlobStore& blobs, Observer& observer, const base::Clock& clock)
    : options_(std::move(options)),
      blobs_(blobs),
      observer_(observer),
      clock_(clock),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

void Scrubber::Work(const std::stop_token& stop) {
  LeaveTheMachineToOthers();
  const ScrubPause pause = [&stop](absl::Duration duration) { return !base::WaitOrStop(stop, duration); };
  do {
    const absl::Status status = ScrubUntilStopped(options_, blobs_, observer_, clock_, pause);
    if (status.ok()) return;
    spdlog::error("cannot read the blobs again: {}", std::string(status.message()));
  } while (pause(kRetryAfter));
}

}  // namespace joinery::server
