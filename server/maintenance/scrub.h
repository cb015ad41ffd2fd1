// Reads all blobs again, slowly and without end, to find those that the disk has damaged before anybody needs them.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "server/observer.h"
#include "storage/blob_store.h"

namespace joinery::server {

struct ScrubOptions {
  // The data folder: its file `scrub` says how far the round has come, so that a restart goes on there.
  std::string folder;
  // From the beginning of a round to that of the next, if it takes no longer; more than zero.
  absl::Duration period = absl::Hours(24 * 7);
  // Most that is read; more than zero.
  int64_t bytes_per_second = int64_t{16} << 20;
};

// Waits; false if it is time to stop.
using ScrubPause = std::function<bool(absl::Duration)>;

// Does rounds until `pause` says to stop. Blobs are read in the order of their digests, from the disk and not from
// memory. A damaged one is taken out of service, as BlobStore::Quarantine does, and `observer` told; one that cannot be
// read is logged and stays. Errors: the blobs cannot be listed, or a damaged one cannot be moved; the next call goes on
// after it.
absl::Status ScrubUntilStopped(const ScrubOptions& options, storage::BlobStore& blobs, Observer& observer,
                               const base::Clock& clock, const ScrubPause& pause);

// Does so in a thread of its own, which leaves processor and disk to others, until destroyed. Failures are logged and
// tried again after some minutes.
class Scrubber {
 public:
  // The references must outlive this object.
  Scrubber(ScrubOptions options, storage::BlobStore& blobs, Observer& observer, const base::Clock& clock);
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

 private:
  void Work(const std::stop_token& stop);

  const ScrubOptions options_;
  storage::BlobStore& blobs_;
  Observer& observer_;
  const base::Clock& clock_;
  std::jthread thread_;
};

}  // namespace joinery::server
