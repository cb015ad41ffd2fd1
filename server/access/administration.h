// What administrators change: tokens and limits. Every change is in the audit log.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "server/access/token.h"
#include "storage/access_store.h"
#include "storage/audit_log.h"
#include "storage/random_source.h"

namespace joinery::server::access {

// Thread-safe.
class Administration {
 public:
  // The references must outlive it.
  Administration(storage::AccessStore& store, const base::Clock& clock, storage::RandomSource random)
      : store_(store), clock_(clock), random_(std::move(random)) {}

  // Errors: those of MakeToken and of the store, as of all that follow.
  absl::StatusOr<NewToken> CreateToken(const storage::Actor& actor, const TokenRequest& request);

  // `id` may be the beginning of one. Errors: kNotFound there is none · kInvalidArgument there are several.
  absl::StatusOr<storage::TokenRecord> RevokeToken(const storage::Actor& actor, const std::string& id);

  // Errors: kInvalidArgument a limit is negative, or the name is none.
  absl::Status SetLimits(const storage::Actor& actor, const storage::LimitSubject& subject,
                         const storage::Limits& limits);

  absl::StatusOr<std::vector<storage::UserRecord>> Users() { return store_.Users(clock_.Now()); }
  absl::StatusOr<std::vector<storage::ProjectRecord>> Projects() { return store_.Projects(clock_.Now()); }

  storage::AccessStore& store() { return store_; }

 private:
  absl::StatusOr<std::string> WholeId(const std::string& id);
  storage::AuditEntry EntryOf(const storage::Actor& actor, const std::string& action, const std::string& subject,
                              const std::string& details) const;

  storage::AccessStore& store_;
  const base::Clock& clock_;
  const storage::RandomSource random_;
};

}  // namespace joinery::server::access
