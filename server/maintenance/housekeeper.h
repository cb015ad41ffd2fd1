// Collects the garbage of a running server from time to time.
#pragma once

#include <stop_token>
#include <string>
#include <thread>

#include "absl/time/time.h"
#include "base/clock.h"
#include "server/blob_access.h"
#include "server/maintenance/garbage.h"
#include "storage/audit_log.h"
#include "storage/blob_store.h"

namespace joinery::server {

struct HousekeepingOptions {
  // The data folder.
  std::string folder;
  absl::Duration period = absl::Minutes(10);
  // Blobs that no job refers to stay this long after they were last used.
  absl::Duration keep_unused = absl::Hours(24);
  absl::Duration keep_uploads = absl::Hours(24);
  // Outlives the housekeeper; null: stays as it is.
  storage::AuditLog* audit_log = nullptr;
  absl::Duration keep_audit = absl::InfiniteDuration();
};

// One collection now; none (and an empty report) while a backup or check needs all blobs.
absl::StatusOr<GarbageReport> KeepHouse(const HousekeepingOptions& options, storage::BlobStore& blobs,
                                        BlobAccess& access, absl::Time now);

// Works in a thread of its own until destroyed. Failures are logged and tried again the next time.
class Housekeeper {
 public:
  // The references must outlive this object.
  Housekeeper(HousekeepingOptions options, storage::BlobStore& blobs, BlobAccess& access, const base::Clock& clock);
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

 private:
  void Work(const std::stop_token& stop);
  void CutAudit(const std::stop_token& stop);

  const HousekeepingOptions options_;
  storage::BlobStore& blobs_;
  BlobAccess& access_;
  const base::Clock& clock_;
  std::jthread thread_;
};

}  // namespace joinery::server
