// Durable knowledge of who may do what and how much: tokens and limits. Thread-safe; every call is one transaction, and
// what it changed survives a power loss unless it says otherwise. Other processes may use the same store: what they
// change shows at the next call.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace joinery::storage {

struct TokenRecord {
  // 16 hexadecimal digits.
  std::string id;
  std::string user;
  std::string project;
  // For people; may be empty.
  std::string note;
  bool may_submit = false;
  bool may_work = false;
  bool may_admin = false;
  absl::Time created_at;
  std::string created_by;
  // nullopt: never.
  std::optional<absl::Time> expires_at;
  std::optional<absl::Time> last_used_at;
  std::optional<absl::Time> revoked_at;
};

// At most so much; nullopt: no limit.
struct Limits {
  std::optional<int64_t> blob_bytes;
  std::optional<int64_t> queued_jobs;
  std::optional<int64_t> running_jobs;

  bool operator==(const Limits& other) const = default;
};

enum class LimitKind { kUser, kProject };

// Whom limits are for. The name "*" stands for all that have none of their own.
struct LimitSubject {
  LimitKind kind = LimitKind::kProject;
  std::string name;
};

struct LimitRecord {
  LimitSubject subject;
  Limits limits;
};

class AccessStore {
 public:
  virtual ~AccessStore() = default;

  // `secret_digest` is the SHA-256 of the token, whose id must be new. Errors: kAlreadyExists.
  virtual absl::Status AddToken(const TokenRecord& token, const std::string& secret_digest) = 0;

  // Whatever its state; nullopt if there is none.
  virtual absl::StatusOr<std::optional<TokenRecord>> FindToken(const std::string& secret_digest) = 0;

  // The newest first.
  virtual absl::StatusOr<std::vector<TokenRecord>> ListTokens() = 0;

  // Revoked again, it keeps the first time. Errors: kNotFound.
  virtual absl::StatusOr<TokenRecord> RevokeToken(const std::string& id, absl::Time now) = 0;

  // A power loss may undo this.
  virtual absl::Status MarkTokenUsed(const std::string& id, absl::Time now) = 0;

  // Whether any token was ever made, valid or not.
  virtual absl::StatusOr<bool> HasTokens() = 0;

  // What applies to the subject: its own limits, and where it has none those of "*".
  virtual absl::StatusOr<Limits> LimitsOf(const LimitSubject& subject) = 0;
  absl::StatusOr<Limits> LimitsOf(const std::string& project) { return LimitsOf({LimitKind::kProject, project}); }

  // Replaces the subject's own limits.
  virtual absl::Status SetLimits(const LimitSubject& subject, const Limits& limits) = 0;

  // All that were set, by kind and name.
  virtual absl::StatusOr<std::vector<LimitRecord>> ListLimits() = 0;
};

}  // namespace joinery::storage
