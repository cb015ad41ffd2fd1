// Who makes a call, and what they may do.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "storage/audit_log.h"

namespace joinery::server::access {

// Rights; joined by |, any of them. Each is a right of its own: kAdmin includes neither of the others.
enum class Scope : unsigned {
  // Of people: jobs and blobs of their project.
  kSubmit = 1,
  // Of workers: leases, and the blobs of jobs.
  kWork = 2,
  // Of operators: tokens, quotas, workers, jobs of all projects.
  kAdmin = 4,
  // What everybody may who was let in.
  kAny = 7,
};

constexpr Scope operator|(Scope left, Scope right) {
  return static_cast<Scope>(static_cast<unsigned>(left) | static_cast<unsigned>(right));
}

// Whether both have a right in common.
constexpr bool Overlap(Scope left, Scope right) {
  return (static_cast<unsigned>(left) & static_cast<unsigned>(right)) != 0;
}

struct Caller {
  // Both 1 to 64 characters of letters, digits and . _ - @
  std::string user;
  std::string project;
  bool may_submit = false;
  bool may_work = false;
  bool may_admin = false;
  // Empty if none was needed.
  std::string token_id = "";
  // When the token ends; nullopt: never.
  std::optional<absl::Time> expires_at = std::nullopt;
  // Where the call came from, as gRPC writes it.
  std::string peer = "";
};

inline storage::Actor ActorOf(const Caller& caller) {
  return {.user = caller.user, .project = caller.project, .token_id = caller.token_id, .peer = caller.peer};
}

// Whoever calls a server that knows no tokens.
inline Caller LocalCaller() {
  return {.user = "local", .project = "default", .may_submit = true, .may_work = true, .may_admin = true};
}

}  // namespace joinery::server::access
