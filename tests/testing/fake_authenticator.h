// Lets every call be made by whom the test says. Thread-safe.
#pragma once

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/access/authenticator.h"

namespace joinery::testing {

class FakeAuthenticator : public server::access::Authenticator {
 public:
  // Until then it is server::access::LocalCaller().
  void Be(server::access::Caller caller) {
    const absl::MutexLock lock(&mutex_);
    caller_ = std::move(caller);
  }

  absl::StatusOr<server::access::Caller> Authenticate(const grpc::ServerContextBase& /*context*/,
                                                      server::access::Scope /*scope*/) override {
    const absl::MutexLock lock(&mutex_);
    return caller_;
  }

 private:
  absl::Mutex mutex_;
  server::access::Caller caller_ ABSL_GUARDED_BY(mutex_) = server::access::LocalCaller();
};

}  // namespace joinery::testing
