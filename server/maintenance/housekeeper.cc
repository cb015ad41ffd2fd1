#include "server/maintenance/housekeeper.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <utility>

#include "base/status.h"
#include "base/wait.h"
#include "server/maintenance/housekeeping_lock.h"
#include "server/maintenance/stored_data.h"

namespace joinery::server {
namespace {

// Others write in between.
constexpr int kEntriesAtATime = 1000;

}  // namespace

absl::StatusOr<GarbageReport> KeepHouse(const HousekeepingOptions& options, storage::BlobStore& blobs,
                                        BlobAccess& access, absl::Time now) {
  ASSIGN_OR_RETURN(const std::optional<base::UniqueFd> lock, LockToRemoveBlobs(options.folder));
  if (!lock.has_value()) return GarbageReport();
  return CollectGarbage(blobs, access, ReferencesIn(options.folder), now - options.keep_unused,
                        now - options.keep_uploads);
}

Housekeeper::Housekeeper(HousekeepingOptions options, storage::BlobStore& blobs, BlobAccess& access,
                         const base::Clock& clock)
    : options_(std::move(options)),
      blobs_(blobs),
      access_(access),
      clock_(clock),
      thread_([this](const std::stop_token& stop) { Work(stop); }) {}

void Housekeeper::Work(const std::stop_token& stop) {
  while (!base::WaitOrStop(stop, options_.period)) {
    const absl::StatusOr<GarbageReport> report = KeepHouse(options_, blobs_, access_, clock_.Now());
    if (!report.ok()) {
      spdlog::error("cannot collect garbage: {}", std::string(report.status().message()));
    } else if (report->blobs > 0 || report->uploads > 0) {
      spdlog::info("removed garbage blobs={} bytes={} uploads={}", report->blobs, report->bytes, report->uploads);
    }
    CutAudit(stop);
  }
}

void Housekeeper::CutAudit(const std::stop_token& stop) {
  if (options_.audit_log == nullptr || options_.keep_audit == absl::InfiniteDuration()) return;
  const absl::Time oldest = clock_.Now() - options_.keep_audit;
  while (!stop.stop_requested()) {
    const absl::StatusOr<int> deleted = options_.audit_log->DeleteBefore(oldest, kEntriesAtATime);
    if (!deleted.ok()) spdlog::error("cannot cut the audit log: {}", std::string(deleted.status().message()));
    if (!deleted.ok() || *deleted < kEntriesAtATime) return;
  }
}

}  // namespace joinery::server
