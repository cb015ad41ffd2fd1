// Tokens: what callers prove themselves with. A token is "joinery_" and 256 random bits; only its SHA-256 is kept, so
// it can be shown once, when it is made. Looking it up by its digest tells nothing by the time it takes: who does not
// have the token cannot choose the digest.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/access/caller.h"
#include "storage/access_store.h"
#include "storage/random_source.h"

namespace joinery::server::access {

inline constexpr char kTokenPrefix[] = "joinery_";

// Whether `text` could be a token at all.
bool LooksLikeToken(absl::string_view text);

// What a token is to be for. It expires after `lifetime`, unless that is infinite.
struct TokenRequest {
  std::string user;
  std::string project;
  std::vector<std::string> scopes;
  absl::Duration lifetime = absl::Hours(24 * 90);
  std::string note;
};

struct NewToken {
  // The secret; to be shown once and written nowhere.
  std::string text;
  storage::TokenRecord record;
  // Of `text`.
  std::string digest;
};

// "submit", "work" or "admin". Errors: kInvalidArgument, naming them.
absl::StatusOr<Scope> ParseScope(absl::string_view name);

// The scopes' names, in a fixed order.
std::vector<std::string> ScopeNames(const storage::TokenRecord& token);
Scope ScopeOf(const storage::TokenRecord& token);

// 1 to 64 letters, digits and . _ - @, the first of them a letter or digit. Errors: kInvalidArgument naming `field`.
absl::Status ValidateAccountName(absl::string_view field, absl::string_view name);

// A token that counts once its record is stored. `maker` is who asked for it.
// Errors: kInvalidArgument what is wrong with the request.
absl::StatusOr<NewToken> MakeToken(const TokenRequest& request, const std::string& maker, absl::Time now,
                                   const storage::RandomSource& random);

}  // namespace joinery::server::access
