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
  {
    const std::lock_guard lock(mutex_);
    ++written_;
  }
  GoOn();
}

void WatchStream::OnDone() {
  // Whatever other threads did with the turn was before.
  { const std::lock_guard lock(mutex_); }
  delete this;
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
  ASSIGN_OR_RETURN(JobWatch::News news, begun_.watch->Next());
  const std::lock_guard lock(mutex_);
  news_ = std::move(news);
  written_ = 0;
  return absl::OkStatus();
}

WatchStream::Step WatchStream::NextStep() const {
  if (written_ < news_.events.size()) return Step::kWrite;
  if (news_.over) return Step::kEnd;
  if (cancelled_) return Step::kGiveUp;
  return look_again_ || news_.more ? Step::kLook : Step::kWait;
}

grpc::WriteOptions WatchStream::Prepare() {
  message_.Clear();
  bool owned = false;
  // Into memory: never fails.
  grpc::SerializationTraits<v1::JobEvent>::Serialize(news_.events[written_], &message_, &owned);
  // What follows at once goes in the same packet.
  const bool is_last = written_ + 1 == news_.events.size();
  return !is_last || news_.over ? grpc::WriteOptions().set_buffer_hint() : grpc::WriteOptions();
}

void WatchStream::GoOn() {
  Step step = Step::kWait;
  grpc::WriteOptions options;
  {
    const std::lock_guard lock(mutex_);
    step = NextStep();
    if (step == Step::kWrite) options = Prepare();
    has_turn_ = step != Step::kWait;
  }
  switch (step) {
    case Step::kWait:
      return;
    case Step::kLook:
      return LookSoon();
    case Step::kWrite:
      return StartWrite(&message_, options);
    case Step::kEnd:
      return Finish(grpc::Status::OK);
    case Step::kGiveUp:
      return Finish(Gone());
  }
}

}  // namespace joinery::server
