// WatchJob's stream: events go out as the client takes them. Between them it holds no thread, so many may wait.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/call_limit.h"
#include "server/executor.h"
#include "server/job_watch.h"

namespace joinery::server {

// Deletes itself once gRPC is done with it. At any moment it waits, or one thread has the turn: looks for events, has
// one written or ends the stream. Whoever has the turn alone touches what the mutex does not guard.
class WatchStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  struct Begun {
    std::unique_ptr<CallLimit::Place> place;
    std::unique_ptr<JobWatch> watch;
  };
  // Checks the call and begins the watch; called once, in a thread of the executor.
  using Begin = std::function<absl::StatusOr<Begun>(JobWatchers::Tell tell)>;

  // The executor must outlive the stream.
  WatchStream(Executor& executor, Begin begin);

 private:
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { delete this; }

  // There may be something new.
  void Wake();
  // With the turn: has the executor look.
  void LookSoon();
  void Look();
  absl::Status LookForEvents();
  // With the turn: writes the next event, or looks again, or ends the stream, or gives up the turn.
  void GoOn();
  void Write();

  Executor& executor_;
  const Begin begin_;
  Begun begun_;
  JobWatch::News news_;
  // How many of them were written.
  size_t written_ = 0;
  grpc::ByteBuffer message_;

  std::mutex mutex_;
  // The following is guarded by it.
  bool has_turn_ = true;
  bool look_again_ = false;
  bool cancelled_ = false;
};

}  // namespace joinery::server
