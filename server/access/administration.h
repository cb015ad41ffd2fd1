// What administrators change: tokens and limits. Every change is in the audit log, durably, before it is made; one that
// then fails is followed by an entry that says so.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "server/access/audit_log.h"
#include "server/access/token.h"
#include "storage/access_store.h"
#include "storage/random_source.h"

namespace joinery::server::access {

// Who asks for a change, and from where.
struct Actor {
  std::string user;
  std::string project;
  std::string peer;
};

// Whoever may write the server's data folder.
Actor ConsoleActor();

// Thread-safe.
class Administration {
 public:
  // The references must outlive it.
  Administration(storage::AccessStore& store, AuditLog& audit, const base::Clock& clock, storage::RandomSource random)
      : store_(store), audit_(audit), clock_(clock), random_(std::move(random)) {}

  // Errors: those of MakeToken, of the store and of the audit log, as of all that follow.
  absl::StatusOr<NewToken> CreateToken(const Actor& actor, const TokenRequest& request);

  // `id` may be the beginning of one. Errors: kNotFound there is none · kInvalidArgument there are several.
  absl::StatusOr<storage::TokenRecord> RevokeToken(const Actor& actor, const std::string& id);

  // Errors: kInvalidArgument a limit is negative, or the name is none.
  absl::Status SetLimits(const Actor& actor, const storage::LimitSubject& subject, const storage::Limits& limits);

  storage::AccessStore& store() { return store_; }

 private:
  absl::StatusOr<std::string> WholeId(const std::string& id);
  // Records, makes the change, and records again if it failed.
  template <typename Change>
  absl::Status Make(const AuditEntry& entry, const Change& change);

  storage::AccessStore& store_;
  AuditLog& audit_;
  const base::Clock& clock_;
  const storage::RandomSource random_;
};

}  // namespace joinery::server::access
