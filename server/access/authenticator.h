// Who is calling? The first question of every method of every service.
#pragma once

#include <grpcpp/server_context.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/access/caller.h"

namespace joinery::server::access {

// Thread-safe.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // The caller, if they have any of the rights in `scope`. The message says what to do.
  // Errors: kUnauthenticated not known, or no longer · kPermissionDenied known, but without this right ·
  // kResourceExhausted too many wrong attempts from that address.
  virtual absl::StatusOr<Caller> Authenticate(const grpc::ServerContextBase& context, Scope scope) = 0;
};

// For a server without tokens: everybody is LocalCaller().
class LocalAuthenticator : public Authenticator {
 public:
  absl::StatusOr<Caller> Authenticate(const grpc::ServerContextBase& /*context*/, Scope /*scope*/) override {
    return LocalCaller();
  }
};

}  // namespace joinery::server::access
