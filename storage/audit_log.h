// Who changed what, and when. An entry is written in the transaction of its change, by the store that makes it: there
// is neither a change without its entry nor an entry without its change, and no commit more than without them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace joinery::storage {

// Whoever makes a change, and from where.
struct Actor {
  std::string user;
  std::string project = "";
  // Not secret; empty if none was needed.
  std::string token_id = "";
  // gRPC's name of the peer; empty for the server itself.
  std::string peer = "";
};

// For what the server does of its own accord.
inline Actor ServerActor() { return {.user = "server"}; }

// Whoever may write the server's data folder.
inline Actor ConsoleActor() { return {.user = "console", .project = "", .token_id = "", .peer = "console"}; }

// Never has a secret, nor what a file holds.
struct AuditEntry {
  // Given by the store; counts up.
  int64_t number = 0;
  absl::Time time;
  Actor by;
  // Those of v1::AuditEntry.
  std::string action;
  // The id, digest or name of what changed.
  std::string subject;
  // More for people; may be empty.
  std::string details = "";
};

struct AuditQuery {
  // Each unless it is empty: what this user did, actions that begin so, what happened to this.
  std::string user = "";
  std::string action = "";
  std::string subject = "";
  std::optional<absl::Time> since = std::nullopt;
  // Only those of lower numbers, unless 0: the last number of the page before.
  int64_t before = 0;
  // At least 1.
  int limit = 100;
};

// Thread-safe.
class AuditLog {
 public:
  virtual ~AuditLog() = default;

  // The newest first. Errors: those of JobStore.
  virtual absl::StatusOr<std::vector<AuditEntry>> List(const AuditQuery& query) = 0;

  // Deletes up to `limit` of the oldest entries that are from before `time`; answers with how many.
  virtual absl::StatusOr<int> DeleteBefore(absl::Time time, int limit) = 0;
};

}  // namespace joinery::storage
