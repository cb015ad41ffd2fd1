#include "server/access/token_authenticator.h"

#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/digest.h"
#include "base/status.h"
#include "server/access/peer.h"
#include "server/access/token.h"

namespace joinery::server::access {
namespace {

// Good enough for people; each is a write.
constexpr absl::Duration kNotePeriod = absl::Minutes(1);
constexpr size_t kMaxNoted = 10'000;

std::string TimeOf(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone()); }

absl::StatusOr<std::string> TokenIn(const Credentials& credentials) {
  if (credentials.authorization.empty()) {
    return absl::UnauthenticatedError(
        "this server wants a token: give --token-file FILE or set JOINERY_TOKEN; an administrator "
        "makes one with joinery admin token create");
  }
  if (credentials.authorization.size() > 1) return absl::UnauthenticatedError("there is more than one authorization");
  absl::string_view text = credentials.authorization.front();
  const absl::string_view scheme = text.substr(0, text.find(' '));
  if (!absl::EqualsIgnoreCase(scheme, "bearer")) {
    return absl::UnauthenticatedError("the authorization is not \"Bearer TOKEN\"");
  }
  text.remove_prefix(scheme.size());
  text = absl::StripPrefix(text, " ");
  if (!LooksLikeToken(text)) {
    return absl::UnauthenticatedError(
        absl::StrCat("what was sent as a token is none (a token is ", kTokenPrefix,
                     " and 43 characters): look for what was cut off or added when it was copied"));
  }
  return std::string(text);
}

absl::Status CheckValid(const storage::TokenRecord& token, absl::Time now) {
  if (token.revoked_at.has_value()) {
    return absl::UnauthenticatedError(absl::StrCat("token ", token.id, " of ", token.user, " was revoked on ",
                                                   TimeOf(*token.revoked_at), ": ask an administrator for a new one"));
  }
  if (token.expires_at.has_value() && now >= *token.expires_at) {
    return absl::UnauthenticatedError(absl::StrCat("token ", token.id, " of ", token.user, " expired on ",
                                                   TimeOf(*token.expires_at), ": ask an administrator for a new one"));
  }
  return absl::OkStatus();
}

std::string NamesOf(Scope scope) {
  std::vector<std::string> names;
  if (Overlap(scope, Scope::kSubmit)) names.emplace_back("submit");
  if (Overlap(scope, Scope::kWork)) names.emplace_back("work");
  if (Overlap(scope, Scope::kAdmin)) names.emplace_back("admin");
  return absl::StrJoin(names, " or ");
}

}  // namespace

TokenAuthenticator::TokenAuthenticator(const TokenAuthenticatorOptions& options, storage::AccessStore& store,
                                       const base::Clock& clock)
    : store_(store),
      clock_(clock),
      calls_(options.calls_per_host, clock),
      failures_(options.failures_per_host, clock) {}

absl::StatusOr<Caller> TokenAuthenticator::Authenticate(const grpc::ServerContextBase& context, Scope scope) {
  Credentials credentials{.peer = context.peer(), .authorization = {}};
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  for (auto entry = begin; entry != end; ++entry) {
    credentials.authorization.emplace_back(entry->second.data(), entry->second.size());
  }
  return Authenticate(credentials, scope);
}

absl::StatusOr<Caller> TokenAuthenticator::Authenticate(const Credentials& credentials, Scope scope) {
  const std::string host = HostOf(credentials.peer);
  if (!calls_.Take(host)) {
    return absl::ResourceExhaustedError(absl::StrCat("too many calls from ", host, "; wait a moment"));
  }
  ASSIGN_OR_RETURN(const bool needs_token, NeedsToken());
  if (!needs_token) {
    Caller caller = LocalCaller();
    caller.peer = credentials.peer;
    return caller;
  }
  const absl::StatusOr<storage::TokenRecord> token = Check(credentials);
  if (absl::IsUnauthenticated(token.status())) failures_.Take(host);
  RETURN_IF_ERROR(token.status());
  if (!Overlap(ScopeOf(*token), scope)) {
    return absl::PermissionDeniedError(
        absl::StrCat("token ", token->id, " of ", token->user, " is for ", absl::StrJoin(ScopeNames(*token), " and "),
                     ", this needs ", NamesOf(scope), ": ask an administrator for a token with that scope"));
  }
  return Caller{.user = token->user,
                .project = token->project,
                .may_submit = token->may_submit,
                .may_work = token->may_work,
                .may_admin = token->may_admin,
                .token_id = token->id,
                .expires_at = token->expires_at,
                .peer = credentials.peer};
}

absl::StatusOr<bool> TokenAuthenticator::NeedsToken() {
  {
    const absl::MutexLock lock(&mutex_);
    if (needs_token_) return true;
  }
  ASSIGN_OR_RETURN(const bool has_tokens, store_.HasTokens());
  const absl::MutexLock lock(&mutex_);
  needs_token_ = needs_token_ || has_tokens;
  return needs_token_;
}

absl::StatusOr<storage::TokenRecord> TokenAuthenticator::Check(const Credentials& credentials) {
  ASSIGN_OR_RETURN(const std::string text, TokenIn(credentials));
  const std::string digest = base::Sha256(text);
  const std::string host = HostOf(credentials.peer);
  if (!WasRightLately(digest) && !failures_.Has(host)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "too many wrong tokens from ", host, "; wait ",
        absl::FormatDuration(absl::Ceil(failures_.Wait(host), absl::Seconds(1))), " and then try the right one"));
  }
  ASSIGN_OR_RETURN(std::optional<storage::TokenRecord> token, store_.FindToken(digest));
  if (!token.has_value()) {
    return absl::UnauthenticatedError(
        "this server does not know the token: is it another server's? An administrator makes one with joinery admin "
        "token create");
  }
  RETURN_IF_ERROR(CheckValid(*token, clock_.Now()));
  Note(*token, digest);
  return *std::move(token);
}

bool TokenAuthenticator::WasRightLately(const std::string& digest) {
  const absl::MutexLock lock(&mutex_);
  return noted_at_.count(digest) != 0;
}

void TokenAuthenticator::Note(const storage::TokenRecord& token, const std::string& digest) {
  const absl::Time now = clock_.Now();
  {
    const absl::MutexLock lock(&mutex_);
    if (noted_at_.size() >= kMaxNoted && noted_at_.count(digest) == 0) noted_at_.clear();
    const auto [noted, is_new] = noted_at_.try_emplace(digest, now);
    const absl::Duration age = now - noted->second;
    // A clock that went back is no reason to stop.
    if (!is_new && age >= absl::ZeroDuration() && age < kNotePeriod) return;
    noted->second = now;
  }
  // Only for people to read; a database that is busy or full must not keep anybody out.
  store_.MarkTokenUsed(token.id, now).IgnoreError();
}

}  // namespace joinery::server::access
