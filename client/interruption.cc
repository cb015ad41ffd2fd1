#include "client/interruption.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "client/error.h"

namespace joinery::client {

void Interruption::Trigger(int signal_number) {
  absl::MutexLock lock(&mutex_);
  if (signal_number_ != 0) return;
  signal_number_ = signal_number;
  for (grpc::ClientContext* context : contexts_) context->TryCancel();
}

absl::Status Interruption::Check() const {
  absl::MutexLock lock(&mutex_);
  if (signal_number_ == 0) return absl::OkStatus();
  return WithOrigin(absl::CancelledError("interrupted"),
                    signal_number_ == SIGTERM ? Origin::kTerminated : Origin::kInterrupted);
}

bool Interruption::SleepFor(absl::Duration duration) const {
  absl::MutexLock lock(&mutex_);
  const auto is_triggered = [](const int* signal_number) { return *signal_number != 0; };
  return !mutex_.AwaitWithTimeout(absl::Condition(+is_triggered, &signal_number_), duration);
}

Interruption::Guard::Guard(Interruption& interruption, grpc::ClientContext& context)
    : interruption_(interruption), context_(context) {
  absl::MutexLock lock(&interruption_.mutex_);
  interruption_.contexts_.insert(&context_);
  if (interruption_.signal_number_ != 0) context_.TryCancel();
}

Interruption::Guard::~Guard() {
  absl::MutexLock lock(&interruption_.mutex_);
  interruption_.contexts_.erase(&context_);
}

void CatchSignals(Interruption& interruption) {
  sigset_t signals;
  sigemptyset(&signals);
  // A signal ignored from outside (nohup, a shell's background job) stays ignored.
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction action {};
    sigaction(number, nullptr, &action);
    if (action.sa_handler != SIG_IGN) sigaddset(&signals, number);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([&interruption, signals] {
    int number = 0;
    sigwait(&signals, &number);
    interruption.Trigger(number);
    sigwait(&signals, &number);
    _exit(128 + number);
  }).detach();
}

}  // namespace joinery::client
