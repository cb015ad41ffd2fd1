// Tells ThreadSanitizer of the locks of an Abseil that was not built with it, as Debian's: otherwise it sees no order
// between threads that share one, and every use of what a lock guards looks like a race. Linked into the programs and
// tests of the tsan preset, where these definitions are found before the library's, which they call.
#include <dlfcn.h>

#include "absl/synchronization/mutex.h"

extern "C" {
void __tsan_acquire(void* address);  // NOLINT(bugprone-reserved-identifier)
void __tsan_release(void* address);  // NOLINT(bugprone-reserved-identifier)
}

namespace joinery::testing {
namespace {

template <typename Function>
Function Real(const char* mangled_name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, mangled_name));
}

// The library evaluates a condition while it holds the lock, in whichever thread it likes, and takes and gives the lock
// itself meanwhile.
struct WatchedCondition {
  absl::Mutex* mutex;
  const absl::Condition* condition;

  // This was made by the thread that waits, outside the lock.
  void Publish() const { __tsan_release(const_cast<WatchedCondition*>(this)); }

  bool Eval() const {
    __tsan_acquire(const_cast<WatchedCondition*>(this));
    __tsan_acquire(mutex);
    const bool met = condition->Eval();
    __tsan_release(mutex);
    return met;
  }
};

}  // namespace
}  // namespace joinery::testing

// The library's function of this mangled name, with `type` as its pointer; debian3 is its inline namespace.
#define JOINERY_REAL(type, name) static const auto real = joinery::testing::Real<type>("_ZN4absl7debian3" name)

// `name`: `condition` of this mutex, watched.
#define JOINERY_WATCH(name, condition)                                  \
  const joinery::testing::WatchedCondition kept = {this, &(condition)}; \
  kept.Publish();                                                       \
  const Condition name(&kept, &joinery::testing::WatchedCondition::Eval)

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  JOINERY_REAL(void (*)(Mutex*), "5Mutex4LockEv");
  real(this);
  __tsan_acquire(this);
}

void Mutex::Unlock() {
  JOINERY_REAL(void (*)(Mutex*), "5Mutex6UnlockEv");
  __tsan_release(this);
  real(this);
}

void Mutex::ReaderLock() {
  JOINERY_REAL(void (*)(Mutex*), "5Mutex10ReaderLockEv");
  real(this);
  __tsan_acquire(this);
}

void Mutex::ReaderUnlock() {
  JOINERY_REAL(void (*)(Mutex*), "5Mutex12ReaderUnlockEv");
  __tsan_release(this);
  real(this);
}

bool Mutex::TryLock() {
  JOINERY_REAL(bool (*)(Mutex*), "5Mutex7TryLockEv");
  const bool locked = real(this);
  if (locked) __tsan_acquire(this);
  return locked;
}

void Mutex::LockWhen(const Condition& condition) {
  JOINERY_WATCH(watched, condition);
  JOINERY_REAL(void (*)(Mutex*, const Condition&), "5Mutex8LockWhenERKNS0_9ConditionE");
  real(this, watched);
  __tsan_acquire(this);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  JOINERY_WATCH(watched, condition);
  JOINERY_REAL(bool (*)(Mutex*, const Condition&, Duration),
               "5Mutex19LockWhenWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  const bool met = real(this, watched, timeout);
  __tsan_acquire(this);
  return met;
}

void Mutex::Await(const Condition& condition) {
  JOINERY_WATCH(watched, condition);
  JOINERY_REAL(void (*)(Mutex*, const Condition&), "5Mutex5AwaitERKNS0_9ConditionE");
  __tsan_release(this);
  real(this, watched);
  __tsan_acquire(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  JOINERY_WATCH(watched, condition);
  JOINERY_REAL(bool (*)(Mutex*, const Condition&, Duration),
               "5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  __tsan_release(this);
  const bool met = real(this, watched, timeout);
  __tsan_acquire(this);
  return met;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  JOINERY_WATCH(watched, condition);
  JOINERY_REAL(bool (*)(Mutex*, const Condition&, Time), "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  __tsan_release(this);
  const bool met = real(this, watched, deadline);
  __tsan_acquire(this);
  return met;
}

void CondVar::Wait(Mutex* mutex) {
  JOINERY_REAL(void (*)(CondVar*, Mutex*), "7CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  real(this, mutex);
  __tsan_acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  JOINERY_REAL(bool (*)(CondVar*, Mutex*, Duration), "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, timeout);
  __tsan_acquire(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  JOINERY_REAL(bool (*)(CondVar*, Mutex*, Time), "7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  __tsan_release(mutex);
  const bool timed_out = real(this, mutex, deadline);
  __tsan_acquire(mutex);
  return timed_out;
}

ABSL_NAMESPACE_END
}  // namespace absl
