#include "server/readiness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/testing/status_matchers.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr ReadinessOptions kQuick = {.period = absl::Milliseconds(1), .patience = absl::Seconds(60)};

// What on_change was told.
class Told {
 public:
  void operator()(bool is_ready) {
    const absl::MutexLock lock(&mutex_);
    told_.push_back(is_ready);
  }
  std::vector<bool> WaitFor(size_t count) {
    const absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return told_.size() >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30));
    return told_;
  }

 private:
  absl::Mutex mutex_;
  std::vector<bool> told_ ABSL_GUARDED_BY(mutex_);
};

TEST(ReadinessTest, FollowsWhatTheProbesFind) {
  Told told;
  std::atomic<bool> works = true;
  const Readiness readiness(
      {{"database", [] { return absl::OkStatus(); }},
       {"blob store", [&] { return works ? absl::OkStatus() : absl::ResourceExhaustedError("no room"); }}},
      kQuick, std::ref(told));
  EXPECT_THAT(told.WaitFor(1), ElementsAre(true));
  EXPECT_THAT(readiness.Check(), IsOk());
  works = false;
  EXPECT_THAT(told.WaitFor(2), ElementsAre(true, false));
  EXPECT_THAT(readiness.Check(),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("the blob store cannot be used: no room")));
  works = true;
  EXPECT_THAT(told.WaitFor(3), ElementsAre(true, false, true));
  EXPECT_THAT(readiness.Check(), IsOk());
}

TEST(ReadinessTest, IsNotReadyFromTheBeginningIfAProbeFails) {
  Told told;
  const Readiness readiness({{"database", [] { return absl::DataLossError("damaged"); }}}, kQuick, std::ref(told));
  EXPECT_THAT(readiness.Check(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("damaged")));
  EXPECT_THAT(told.WaitFor(1), ElementsAre(false));
}

TEST(ReadinessTest, AProbeThatHangsHasFailed) {
  Told told;
  absl::Notification go_on;
  std::atomic<int> calls = 0;
  {
    const Readiness readiness({{"database",
                                [&] {
                                  if (++calls == 2) go_on.WaitForNotification();
                                  return absl::OkStatus();
                                }}},
                              {.period = absl::Milliseconds(1), .patience = absl::Milliseconds(20)}, std::ref(told));
    EXPECT_THAT(told.WaitFor(2), ElementsAre(true, false));
    EXPECT_THAT(readiness.Check(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("has not answered")));
    go_on.Notify();
    EXPECT_EQ(told.WaitFor(3)[2], true);
  }
}

TEST(ReadinessTest, OnceDrainingNothingMakesItReadyAgain) {
  Told told;
  std::atomic<int> calls = 0;
  Readiness readiness({{"database",
                        [&] {
                          ++calls;
                          return absl::OkStatus();
                        }}},
                      kQuick, std::ref(told));
  readiness.BeginDrain();
  EXPECT_THAT(told.WaitFor(2), ElementsAre(true, false));
  EXPECT_TRUE(readiness.draining());
  const int calls_then = calls;
  while (calls < calls_then + 3) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(told.WaitFor(2), ElementsAre(true, false));
  EXPECT_THAT(readiness.Check(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("stopping")));
}

}  // namespace
}  // namespace joinery::server
