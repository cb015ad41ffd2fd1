// Callers known by their tokens, sent as `authorization: Bearer joinery_...`.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "server/access/authenticator.h"
#include "server/access/rate_limiter.h"
#include "storage/access_store.h"

namespace joinery::server::access {

struct TokenAuthenticatorOptions {
  // Calls from one address, whoever makes them.
  RateLimit calls_per_host = {.rate = 5000, .burst = 10'000};
  // Wrong tokens from one address; a token that was right lately is let through all the same.
  RateLimit failures_per_host = {.rate = 0.2, .burst = 20};
};

// What a call says of itself.
struct Credentials {
  // gRPC's name of the peer.
  std::string peer;
  // All values of the metadata "authorization".
  std::vector<std::string> authorization;
};

// Until the first token is made, everybody is LocalCaller(); from then on everybody needs one, even if it was revoked
// since. A token is looked up at each call: what another process revoked is refused at once.
class TokenAuthenticator : public Authenticator {
 public:
  // Store and clock must outlive it.
  TokenAuthenticator(const TokenAuthenticatorOptions& options, storage::AccessStore& store, const base::Clock& clock);

  absl::StatusOr<Caller> Authenticate(const grpc::ServerContextBase& context, Scope scope) override;
  absl::StatusOr<Caller> Authenticate(const Credentials& credentials, Scope scope);

 private:
  absl::StatusOr<bool> NeedsToken();
  // The store's token, if it is valid now.
  absl::StatusOr<storage::TokenRecord> Check(const Credentials& credentials);
  bool WasRightLately(const std::string& digest);
  // Remembers that the token was right, and stores so now and then.
  void Note(const storage::TokenRecord& token, const std::string& digest);

  storage::AccessStore& store_;
  const base::Clock& clock_;
  RateLimiter calls_;
  RateLimiter failures_;

  absl::Mutex mutex_;
  bool needs_token_ ABSL_GUARDED_BY(mutex_) = false;
  // By digest of the token: when its use was last stored.
  std::unordered_map<std::string, absl::Time> noted_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::server::access
