#include "compiler/evaluation/for_each_sample.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "base/status.h"

namespace joinery::compiler {

absl::Status ForEachSample(size_t num_samples, int threads, const std::function<absl::Status(size_t)>& work) {
  std::vector<absl::Status> statuses(num_samples);
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  const auto take = [&] {
    // A sample that was taken is finished, so all before the first error have been worked on.
    for (size_t sample = next++; sample < num_samples && !failed; sample = next++) {
      statuses[sample] = work(sample);
      if (!statuses[sample].ok()) failed = true;
    }
  };
  const size_t num_threads = std::clamp<size_t>(static_cast<size_t>(std::max(threads, 1)), 1, num_samples + 1);
  std::vector<std::thread> others;
  others.reserve(num_threads);
  for (size_t i = 1; i < num_threads; ++i) others.emplace_back(take);
  take();
  for (std::thread& other : others) other.join();
  for (const absl::Status& status : statuses) RETURN_IF_ERROR(status);
  return absl::OkStatus();
}

}  // namespace joinery::compiler
