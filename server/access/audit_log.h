// Who changed what, and when: a line of JSON for each change, only ever added.
//
//   {"time":"2026-01-31T12:00:00.000Z","user":"ann","project":"vision","peer":"ipv4:10.0.0.7:51022",
//    "action":"token.revoke","subject":"0123456789abcdef","details":"..."}
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/file.h"
#include "server/access/caller.h"

namespace joinery::server::access {

// One change. Never a secret, never what a file holds.
struct AuditEntry {
  std::string user;
  std::string project;
  // gRPC's name of the peer, or "console" for a command on the server's own host.
  std::string peer;
  // "job.create", "job.cancel", "blob.upload", "token.create", "token.revoke", "limits.set", "worker.drain",
  // "worker.undrain"
  std::string action;
  // The id, digest or name of what changed.
  std::string subject;
  // More for people; may be empty.
  std::string details;
};

enum class AuditDurability {
  // Written, and safe from a crash of the process.
  kWritten,
  // Safe from a power loss: for what administrators do.
  kSynced,
};

// Thread-safe. Other processes may add to the same file.
class AuditLog {
 public:
  virtual ~AuditLog() = default;

  // Errors: those of the disk, naming the file.
  virtual absl::Status Record(const AuditEntry& entry, AuditDurability durability) = 0;
};

// Keeps nothing.
class NoAuditLog : public AuditLog {
 public:
  absl::Status Record(const AuditEntry& /*entry*/, AuditDurability /*durability*/) override { return absl::OkStatus(); }
};

// A file that only its owner can read. Renamed or removed while it is open, it is made anew, so that it can be rotated.
class FileAuditLog : public AuditLog {
 public:
  // Opens or creates the file. `clock` must outlive the log. Errors: those of open.
  static absl::StatusOr<std::unique_ptr<FileAuditLog>> Open(const std::string& path, const base::Clock& clock);

  absl::Status Record(const AuditEntry& entry, AuditDurability durability) override;

 private:
  FileAuditLog(std::string path, const base::Clock& clock) : path_(std::move(path)), clock_(clock) {}

  absl::Status Reopen() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsStillThere() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const base::Clock& clock_;
  absl::Mutex mutex_;
  base::UniqueFd file_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::server::access
