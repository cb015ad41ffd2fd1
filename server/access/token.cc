#include "server/access/token.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"

namespace joinery::server::access {
namespace {

constexpr size_t kSecretBytes = 32;
// Of 32 bytes in base64 without padding.
constexpr size_t kSecretLength = 43;
constexpr size_t kIdLength = 16;
constexpr size_t kMaxNameLength = 64;
constexpr size_t kMaxNoteLength = 200;
// Longer ones are typing errors.
constexpr absl::Duration kMaxLifetime = absl::Hours(24 * 3660);

bool IsNameCharacter(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-' || c == '@'; }

bool IsSecretCharacter(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; }

absl::Status ValidateNote(absl::string_view note) {
  if (note.size() > kMaxNoteLength) {
    return absl::InvalidArgumentError(absl::StrCat("note has ", note.size(), " bytes, allowed are ", kMaxNoteLength));
  }
  if (std::any_of(note.begin(), note.end(), absl::ascii_iscntrl)) {
    return absl::InvalidArgumentError("note has a control character");
  }
  return absl::OkStatus();
}

absl::Status SetScopes(const std::vector<std::string>& names, storage::TokenRecord& token) {
  if (names.empty()) return absl::InvalidArgumentError("scopes is empty; give submit, work or admin");
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const Scope scope, ParseScope(name));
    token.may_submit |= scope == Scope::kSubmit;
    token.may_work |= scope == Scope::kWork;
    token.may_admin |= scope == Scope::kAdmin;
  }
  return absl::OkStatus();
}

absl::Status SetExpiry(absl::Duration lifetime, storage::TokenRecord& token) {
  if (lifetime == absl::InfiniteDuration()) return absl::OkStatus();
  if (lifetime <= absl::ZeroDuration() || lifetime > kMaxLifetime) {
    return absl::InvalidArgumentError("the lifetime is not between a moment and ten years; give it as in 30d or 12h");
  }
  token.expires_at = token.created_at + lifetime;
  return absl::OkStatus();
}

}  // namespace

bool LooksLikeToken(absl::string_view text) {
  const absl::string_view prefix = kTokenPrefix;
  if (!absl::StartsWith(text, prefix) || text.size() != prefix.size() + kSecretLength) return false;
  return std::all_of(text.begin(), text.end(), IsSecretCharacter);
}

absl::StatusOr<Scope> ParseScope(absl::string_view name) {
  if (name == "submit") return Scope::kSubmit;
  if (name == "work") return Scope::kWork;
  if (name == "admin") return Scope::kAdmin;
  return absl::InvalidArgumentError(absl::StrCat("there is no scope \"", name, "\"; give submit, work or admin"));
}

std::vector<std::string> ScopeNames(const storage::TokenRecord& token) {
  std::vector<std::string> names;
  if (token.may_submit) names.emplace_back("submit");
  if (token.may_work) names.emplace_back("work");
  if (token.may_admin) names.emplace_back("admin");
  return names;
}

Scope ScopeOf(const storage::TokenRecord& token) {
  auto scope = static_cast<Scope>(0);
  if (token.may_submit) scope = scope | Scope::kSubmit;
  if (token.may_work) scope = scope | Scope::kWork;
  if (token.may_admin) scope = scope | Scope::kAdmin;
  return scope;
}

absl::Status ValidateAccountName(absl::string_view field, absl::string_view name) {
  if (!name.empty() && name.size() <= kMaxNameLength && absl::ascii_isalnum(name.front()) &&
      std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(field, " is not a name: 1 to ", kMaxNameLength,
                                                 " letters, digits and . _ - @, beginning with a letter or digit"));
}

absl::StatusOr<NewToken> MakeToken(const TokenRequest& request, const std::string& maker, absl::Time now,
                                   const storage::RandomSource& random) {
  RETURN_IF_ERROR(ValidateAccountName("user", request.user));
  RETURN_IF_ERROR(ValidateAccountName("project", request.project));
  RETURN_IF_ERROR(ValidateNote(request.note));
  storage::TokenRecord token;
  token.user = request.user;
  token.project = request.project;
  token.note = request.note;
  token.created_at = now;
  token.created_by = maker;
  RETURN_IF_ERROR(SetScopes(request.scopes, token));
  RETURN_IF_ERROR(SetExpiry(request.lifetime, token));
  const std::string text = absl::StrCat(kTokenPrefix, absl::WebSafeBase64Escape(random(kSecretBytes)));
  std::string digest = base::Sha256(text);
  token.id = digest.substr(0, kIdLength);
  return NewToken{text, std::move(token), std::move(digest)};
}

}  // namespace joinery::server::access
