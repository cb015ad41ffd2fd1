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

// Deletes itself once gRPC is done with it. At any moment it waits, or has the turn: then one thread looks for events,
// has one written or ends the stream, and gRPC may be at work on that.
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
  void OnDone() override;

  // There may be something new.
  void Wake();
  // With the turn: has the executor look.
  void LookSoon();
  void Look();
  absl::Status LookForEvents();
  // With the turn: does what is to be done next.
  void GoOn();
  enum class Step { kWait, kLook, kWrite, kEnd, kGiveUp };
  // With the lock.
  Step NextStep() const;
  // With the lock: puts the next event into message_.
  grpc::WriteOptions Prepare();

  Executor& executor_;
  const Begin begin_;
  // For whoever looks.
  Begun begun_;

  std::mutex mutex_;
  // The following is guarded by it; message_ is gRPC's while an event is written.
  JobWatch::News news_;
  // How many of them were written.
  size_t written_ = 0;
  grpc::ByteBuffer message_;
  bool has_turn_ = true;
  bool look_again_ = false;
  bool cancelled_ = false;
};

}  // namespace joinery::server
