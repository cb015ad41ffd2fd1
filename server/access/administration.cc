#include "server/access/administration.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace joinery::server::access {
namespace {

constexpr char kEverybody[] = "*";

std::string DescribeToken(const storage::TokenRecord& token) {
  const std::string expiry = token.expires_at.has_value()
                                 ? absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", *token.expires_at, absl::UTCTimeZone())
                                 : "never";
  return absl::StrCat("user=", token.user, " project=", token.project,
                      " scopes=", absl::StrJoin(ScopeNames(token), ","), " expires=", expiry);
}

std::string DescribeLimit(absl::string_view name, const std::optional<int64_t>& limit) {
  return absl::StrCat(name, "=", limit.has_value() ? absl::StrCat(*limit) : "none");
}

std::string DescribeLimits(const storage::Limits& limits) {
  return absl::StrCat(DescribeLimit("blob_bytes", limits.blob_bytes), " ",
                      DescribeLimit("queued_jobs", limits.queued_jobs), " ",
                      DescribeLimit("running_jobs", limits.running_jobs));
}

absl::Status CheckLimit(absl::string_view name, const std::optional<int64_t>& limit) {
  if (!limit.has_value() || *limit >= 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is negative"));
}

}  // namespace

storage::AuditEntry Administration::EntryOf(const storage::Actor& actor, const std::string& action,
                                            const std::string& subject, const std::string& details) const {
  return {.time = clock_.Now(), .by = actor, .action = action, .subject = subject, .details = details};
}

absl::StatusOr<NewToken> Administration::CreateToken(const storage::Actor& actor, const TokenRequest& request) {
  ASSIGN_OR_RETURN(NewToken token, MakeToken(request, actor.user, clock_.Now(), random_));
  RETURN_IF_ERROR(store_.AddToken(token.record, token.digest,
                                  EntryOf(actor, "token.create", token.record.id, DescribeToken(token.record))));
  return token;
}

absl::StatusOr<std::string> Administration::WholeId(const std::string& id) {
  ASSIGN_OR_RETURN(const std::vector<storage::TokenRecord> tokens, store_.ListTokens());
  std::vector<std::string> matches;
  for (const storage::TokenRecord& token : tokens) {
    if (token.id == id) return id;
    if (!id.empty() && absl::StartsWith(token.id, id)) matches.push_back(token.id);
  }
  if (matches.size() == 1) return matches.front();
  if (matches.empty()) return absl::NotFoundError(absl::StrCat("there is no token ", id));
  return absl::InvalidArgumentError(
      absl::StrCat("several tokens begin with ", id, ": ", absl::StrJoin(matches, ", "), "; give more of the id"));
}

absl::StatusOr<storage::TokenRecord> Administration::RevokeToken(const storage::Actor& actor, const std::string& id) {
  // Whoever has the token and not its id may give that, and it must not be in a message or log then.
  if (LooksLikeToken(id)) return absl::InvalidArgumentError("that is a token, not its id; joinery admin token list");
  ASSIGN_OR_RETURN(const std::string whole_id, WholeId(id));
  return store_.RevokeToken(whole_id, clock_.Now(), EntryOf(actor, "token.revoke", whole_id, ""));
}

absl::Status Administration::SetLimits(const storage::Actor& actor, const storage::LimitSubject& subject,
                                       const storage::Limits& limits) {
  if (subject.name != kEverybody) RETURN_IF_ERROR(ValidateAccountName("name", subject.name));
  RETURN_IF_ERROR(CheckLimit("blob_bytes", limits.blob_bytes));
  RETURN_IF_ERROR(CheckLimit("queued_jobs", limits.queued_jobs));
  RETURN_IF_ERROR(CheckLimit("running_jobs", limits.running_jobs));
  const std::string whose = absl::StrCat(storage::NameOf(subject.kind), " ", subject.name);
  return store_.SetLimits(subject, limits, EntryOf(actor, "limits.set", whose, DescribeLimits(limits)));
}

}  // namespace joinery::server::access
