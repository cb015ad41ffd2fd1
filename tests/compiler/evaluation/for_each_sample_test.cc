#include "compiler/evaluation/for_each_sample.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;

TEST(ForEachSampleTest, WorksOnEachSampleOnce) {
  for (const int threads : {1, 3, 100}) {
    std::vector<std::atomic<int>> times(20);
    EXPECT_THAT(ForEachSample(20, threads,
                              [&](size_t sample) {
                                ++times[sample];
                                return absl::OkStatus();
                              }),
                IsOk());
    for (const std::atomic<int>& count : times) EXPECT_EQ(count, 1);
  }
  EXPECT_THAT(ForEachSample(0, 2, [](size_t) { return absl::InternalError("called"); }), IsOk());
}

TEST(ForEachSampleTest, TheFirstSampleThatFailsIsTheOneToldOf) {
  for (const int threads : {1, 4}) {
    const absl::Status status = ForEachSample(50, threads, [](size_t sample) {
      return sample >= 7 ? absl::InvalidArgumentError(absl::StrCat("sample ", sample)) : absl::OkStatus();
    });
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "sample 7"));
  }
}

}  // namespace
}  // namespace joinery::compiler
