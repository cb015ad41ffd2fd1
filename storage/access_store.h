// Durable knowledge of who may do what and how much: tokens and limits, and how much of them is used. Thread-safe;
// every call is one transaction, and what it changed survives a power loss unless it says otherwise. Other processes
// may use the same store: what they change shows at the next call. An `audit` entry is written with the change.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/audit_log.h"

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
  std::optional<int64_t> blob_bytes = std::nullopt;
  std::optional<int64_t> queued_jobs = std::nullopt;
  std::optional<int64_t> running_jobs = std::nullopt;

  bool operator==(const Limits& other) const = default;
};

enum class LimitKind { kUser, kProject };

// "user" or "project".
inline const char* NameOf(LimitKind kind) { return kind == LimitKind::kUser ? "user" : "project"; }

// Whom limits are for. The name "*" stands for all that have none of their own.
struct LimitSubject {
  LimitKind kind = LimitKind::kProject;
  std::string name;
};

struct LimitRecord {
  LimitSubject subject;
  Limits limits;
};

// What a user or project has at the moment.
struct Use {
  // For a user: of blobs that nobody else had brought to the project before, and of results of the user's jobs.
  int64_t blob_bytes = 0;
  int64_t queued_jobs = 0;
  int64_t running_jobs = 0;

  bool operator==(const Use& other) const = default;
};

struct UserRecord {
  std::string name;
  // By name.
  std::vector<std::string> projects;
  int64_t valid_tokens = 0;
  std::optional<absl::Time> last_used_at;
  Use use;
};

struct ProjectRecord {
  std::string name;
  Use use;
};

class AccessStore {
 public:
  virtual ~AccessStore() = default;

  // `secret_digest` is the SHA-256 of the token, whose id must be new. Errors: kAlreadyExists.
  virtual absl::Status AddToken(const TokenRecord& token, const std::string& secret_digest,
                                const AuditEntry& audit) = 0;

  // Whatever its state; nullopt if there is none.
  virtual absl::StatusOr<std::optional<TokenRecord>> FindToken(const std::string& secret_digest) = 0;

  // The newest first.
  virtual absl::StatusOr<std::vector<TokenRecord>> ListTokens() = 0;

  // Revoked again, it keeps the first time. Errors: kNotFound.
  virtual absl::StatusOr<TokenRecord> RevokeToken(const std::string& id, absl::Time now, const AuditEntry& audit) = 0;

  // A power loss may undo this.
  virtual absl::Status MarkTokenUsed(const std::string& id, absl::Time now) = 0;

  // Whether any token was ever made, valid or not.
  virtual absl::StatusOr<bool> HasTokens() = 0;

  // What applies to the subject: its own limits, and where it has none those of "*".
  virtual absl::StatusOr<Limits> LimitsOf(const LimitSubject& subject) = 0;
  absl::StatusOr<Limits> LimitsOf(const std::string& project) { return LimitsOf({LimitKind::kProject, project}); }

  // Replaces the subject's own limits.
  virtual absl::Status SetLimits(const LimitSubject& subject, const Limits& limits, const AuditEntry& audit) = 0;

  // All that were set, by kind and name.
  virtual absl::StatusOr<std::vector<LimitRecord>> ListLimits() = 0;

  virtual absl::StatusOr<Use> UseOf(const LimitSubject& subject) = 0;

  // Everybody who has a token that is valid at `now`, had jobs, or has blobs; by name.
  virtual absl::StatusOr<std::vector<UserRecord>> Users(absl::Time now) = 0;
  // Likewise.
  virtual absl::StatusOr<std::vector<ProjectRecord>> Projects(absl::Time now) = 0;
};

}  // namespace joinery::storage
