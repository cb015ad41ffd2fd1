// A few threads for what gRPC's own must not do, for all calls wait for those: to wait for locks and the disk.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace joinery::server {

// Thread-safe.
class Executor {
 public:
  // So many tasks may wait; then there is no sense in taking more.
  static constexpr size_t kMaxInLine = 10'000;

  explicit Executor(int threads);
  // All tasks are run before.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs `task`, which must not throw, in the order in which tasks come. False if too many wait.
  [[nodiscard]] bool Run(std::function<void()> task);

 private:
  void RunUntilStopped();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace joinery::server
