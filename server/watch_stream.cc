#include "server/watch_stream.h"

#include <grpcpp/impl/codegen/proto_utils.h>

#include <utility>

#include "base/status.h"
#include "server/grpc_status.h"

namespace joinery::server {
namespace {

grpc::Status Gone() { return {grpc::StatusCode::CANCELLED, "the client has gone"}; }

}  // namespace

WatchStream::WatchStream(Executor& executor, Begin begin) : executor_(executor), begin_(std::move(begin)) {
  LookSoon();
}

void WatchStream::Wake() {
  {
    const std::lock_guard lock(mutex_);
    look_again_ = true;
    if (has_turn_) return;
    has_turn_ = true;
  }
  LookSoon();
}

void WatchStream::OnCancel() {
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (has_turn_) return;
    has_turn_ = true;
  }
  Finish(Gone());
}

void WatchStream::OnWriteDone(bool ok) {
  if (!ok) return Finish(Gone());
  ++written_;
  GoOn();
}

void WatchStream::LookSoon() {
  if (!executor_.Run([this] { Look(); })) {
    Finish(ToGrpcStatus(absl::UnavailableError("too many watches wait for the server; try again")));
  }
}

void WatchStream::Look() {
  const grpc::Status status = Handle("WatchJob", [this] { return LookForEvents(); });
  if (!status.ok()) return Finish(status);
  GoOn();
}

absl::Status WatchStream::LookForEvents() {
  {
    const std::lock_guard lock(mutex_);
    look_again_ = false;
  }
  if (begun_.watch == nullptr) {
    ASSIGN_OR_RETURN(begun_, begin_([this] { Wake(); }));
    // At once: a watcher learns that the job is there before its next event. Nor may it go with an event that waits for
    // the next, for gRPC then holds both back.
    StartSendInitialMetadata();
  }
  ASSIGN_OR_RETURN(news_, begun_.watch->Next());
  written_ = 0;
  return absl::OkStatus();
}

void WatchStream::GoOn() {
  if (written_ < news_.events.size()) return Write();
  if (news_.over) return Finish(grpc::Status::OK);
  bool cancelled = false;
  {
    const std::lock_guard lock(mutex_);
    cancelled = cancelled_;
    has_turn_ = cancelled || look_again_ || news_.more;
    if (!has_turn_) return;
  }
  if (cancelled) return Finish(Gone());
  LookSoon();
}

void WatchStream::Write() {
  message_.Clear();
  bool owned = false;
  const grpc::Status status =
      grpc::SerializationTraits<v1::JobEvent>::Serialize(news_.events[written_], &message_, &owned);
  if (!status.ok()) return Finish(status);
  // What follows at once goes in the same packet.
  const bool is_last = written_ + 1 == news_.events.size();
  const bool more_follows = !is_last || news_.over;
  StartWrite(&message_, more_follows ? grpc::WriteOptions().set_buffer_hint() : grpc::WriteOptions());
}

}  // namespace joinery::server
