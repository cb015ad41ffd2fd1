// Ctrl-C and SIGTERM as something every long operation notices: calls in flight are cancelled, sleeps end, loops ask.
#pragma once

#include <grpcpp/client_context.h>

#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace joinery::client {

// Thread-safe.
class Interruption {
 public:
  // From a thread, not from a signal handler. The first call counts.
  void Trigger(int signal_number);

  // Whether work should stop: OK, or kCancelled with the origin that says which signal came.
  absl::Status Check() const;

  // False if it ended early.
  bool SleepFor(absl::Duration duration) const;

  // While it lives, Trigger cancels `context`.
  class Guard {
   public:
    Guard(Interruption& interruption, grpc::ClientContext& context);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    Interruption& interruption_;
    grpc::ClientContext& context_;
  };

 private:
  mutable absl::Mutex mutex_;
  int signal_number_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mutex_);
};

// Makes SIGINT and SIGTERM trigger `interruption`; a second one ends the process at once. Call before any thread is
// started; `interruption` must live as long as the process.
void CatchSignals(Interruption& interruption);

}  // namespace joinery::client
