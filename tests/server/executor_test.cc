#include "server/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"

namespace joinery::server {
namespace {

TEST(ExecutorTest, RunsTasksInTheOrderInWhichTheyCame) {
  std::vector<int> seen;
  {
    Executor executor(1);
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(executor.Run([&seen, i] { seen.push_back(i); }));
    }
  }
  ASSERT_EQ(seen.size(), 100U);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[static_cast<size_t>(i)], i);
}

TEST(ExecutorTest, AsManyRunAtATimeAsItHasThreads) {
  Executor executor(3);
  absl::BlockingCounter running(3);
  absl::Notification go_on;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(executor.Run([&] {
      running.DecrementCount();
      go_on.WaitForNotification();
    }));
  }
  // Hangs if one of them waits for another.
  running.Wait();
  go_on.Notify();
}

TEST(ExecutorTest, RefusesWhatWouldWaitTooLong) {
  std::atomic<size_t> run = 0;
  {
    Executor executor(1);
    absl::Notification busy;
    absl::Notification go_on;
    ASSERT_TRUE(executor.Run([&] {
      busy.Notify();
      go_on.WaitForNotification();
    }));
    busy.WaitForNotification();
    for (size_t i = 0; i < Executor::kMaxInLine; ++i) ASSERT_TRUE(executor.Run([&run] { ++run; }));
    EXPECT_FALSE(executor.Run([&run] { ++run; }));
    go_on.Notify();
  }
  EXPECT_EQ(run, Executor::kMaxInLine);
}

}  // namespace
}  // namespace joinery::server
