#include "compiler/calibration/observe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

onnx::ModelProto Model() { return ParseOnnxText("g (float[2] x) => (float[2] z) { y = Relu(x)  z = Add(y, y) }"); }

absl::StatusOr<std::vector<Tensor>> LoadNumber(size_t sample) {
  const std::vector<float> values = {static_cast<float>(sample), -static_cast<float>(sample)};
  return std::vector<Tensor>{MakeTensor<float>(onnx::TensorProto::FLOAT, {2}, values)};
}

TEST(ObserveTest, SeesInnerTensorsOfEverySample) {
  ASSERT_OK_AND_ASSIGN(const std::vector<Histogram> histograms,
                       Observe(Model(), {{"x"}, {"y", "z"}}, 11, LoadNumber, {}));
  ASSERT_EQ(histograms.size(), 2);
  EXPECT_EQ(histograms[0].count(), 22);
  EXPECT_EQ(histograms[0].min(), -10);
  EXPECT_EQ(histograms[0].max(), 10);
  EXPECT_EQ(histograms[1].count(), 44);
  EXPECT_EQ(histograms[1].min(), 0);
  EXPECT_EQ(histograms[1].max(), 20);
}

TEST(ObserveTest, GivesTheSameOnAnyNumberOfThreads) {
  ASSERT_OK_AND_ASSIGN(const auto alone, Observe(Model(), {{"z"}}, 50, LoadNumber, {}));
  ObserveOptions options;
  options.threads = 4;
  ASSERT_OK_AND_ASSIGN(const auto together, Observe(Model(), {{"z"}}, 50, LoadNumber, options));
  EXPECT_EQ(alone[0].bin_width(), together[0].bin_width());
  EXPECT_THAT(together[0].bins(), ElementsAreArray(alone[0].bins()));
}

TEST(ObserveTest, ReportsTheFirstSampleThatFailsWhateverTheThreadsDo) {
  ObserveOptions options;
  options.threads = 4;
  const auto load = [](size_t sample) -> absl::StatusOr<std::vector<Tensor>> {
    if (sample >= 5) return absl::InvalidArgumentError("sample " + std::to_string(sample));
    return LoadNumber(sample);
  };
  for (int round = 0; round < 20; ++round) {
    EXPECT_THAT(Observe(Model(), {{"z"}}, 100, load, options),
                StatusIs(absl::StatusCode::kInvalidArgument, "sample 5"));
  }
}

TEST(ObserveTest, ProgressIsToldAndCanEndThePass) {
  ObserveOptions options;
  size_t calls = 0;
  options.on_progress = [&](size_t done) {
    EXPECT_EQ(done, ++calls);
    return done == 3 ? absl::CancelledError("enough") : absl::OkStatus();
  };
  EXPECT_THAT(Observe(Model(), {{"z"}}, 100, LoadNumber, options), StatusIs(absl::StatusCode::kCancelled, "enough"));
  EXPECT_EQ(calls, 3);
}

TEST(ObserveTest, AFeedThatDoesNotFitIsAnError) {
  const auto load = [](size_t) { return std::vector<Tensor>{}; };
  EXPECT_THAT(Observe(Model(), {{"z"}}, 1, load, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 inputs")));
}

}  // namespace
}  // namespace joinery::compiler
