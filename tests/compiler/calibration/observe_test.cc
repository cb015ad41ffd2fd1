#include "compiler/calibration/observe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

onnx::ModelProto Model() { return ParseOnnxText("g (float[2] x) => (float[2] z) { y = Relu(x)  z = Add(y, y) }"); }

absl::StatusOr<std::vector<Tensor>> LoadNumber(size_t sample) {
  const std::vector<float> values = {static_cast<float>(sample), -static_cast<float>(sample)};
  return std::vector<Tensor>{MakeTensor<float>(onnx::TensorProto::FLOAT, {2}, values)};
}

TEST(ObserveTest, SeesInnerTensorsOfEverySample) {
  ASSERT_OK_AND_ASSIGN(const std::vector<TensorStatistics> statistics,
                       Observe(Model(), {{"x"}, {"z"}}, 11, LoadNumber, {}));
  ASSERT_EQ(statistics.size(), 2);
  EXPECT_EQ(statistics[0].histogram.count(), 22);
  EXPECT_EQ(statistics[0].histogram.min(), -10);
  EXPECT_EQ(statistics[0].histogram.max(), 10);
  EXPECT_EQ(statistics[1].histogram.count(), 22);
  EXPECT_EQ(statistics[1].histogram.min(), 0);
  EXPECT_EQ(statistics[1].histogram.max(), 20);
}

TEST(ObserveTest, GivesTheSameOnAnyNumberOfThreads) {
  ASSERT_OK_AND_ASSIGN(const auto alone, Observe(Model(), {{"z"}}, 50, LoadNumber, {}));
  ObserveOptions options;
  options.threads = 4;
  ASSERT_OK_AND_ASSIGN(const auto together, Observe(Model(), {{"z"}}, 50, LoadNumber, options));
  EXPECT_EQ(alone[0].histogram.bin_width(), together[0].histogram.bin_width());
  EXPECT_THAT(together[0].histogram.bins(), ElementsAreArray(alone[0].histogram.bins()));
}

// Numbers whose sum depends on the order of its terms.
absl::StatusOr<std::vector<Tensor>> LoadPicture(size_t sample) {
  std::mt19937 generator(static_cast<uint32_t>(sample));
  std::normal_distribution<float> normal(0, std::pow(3.0F, static_cast<float>(sample % 9)));
  std::vector<float> values(3UL * 7 * 5);
  for (float& value : values) value = normal(generator);
  return std::vector<Tensor>{MakeTensor<float>(onnx::TensorProto::FLOAT, {1, 3, 7, 5}, values)};
}

onnx::ModelProto ModelOfPictures() {
  return ParseOnnxText("g (float[1,3,7,5] x) => (float[1,3,7,5] z) { y = Relu(x)  z = Mul(y, x) }");
}

TEST(ObserveTest, ChannelsAreTheSameOnAnyNumberOfThreadsToTheBit) {
  const std::vector<ObservedTensor> tensors = {{"y", 1}, {"z", 1}, {"x", 3}};
  ASSERT_OK_AND_ASSIGN(const auto alone, Observe(ModelOfPictures(), tensors, 60, LoadPicture, {}));
  ObserveOptions options;
  options.threads = 4;
  ASSERT_OK_AND_ASSIGN(const auto together, Observe(ModelOfPictures(), tensors, 60, LoadPicture, options));
  for (size_t i = 0; i < tensors.size(); ++i) {
    const int64_t channels = tensors[i].channel_axis == 1 ? 3 : 5;
    ASSERT_EQ(together[i].channels.channels(), channels);
    EXPECT_EQ(together[i].histogram.count(), 0);
    EXPECT_EQ(together[i].sums.count, 60 * 3 * 7 * 5 / channels);
    EXPECT_THAT(together[i].sums.sum, ElementsAreArray(alone[i].sums.sum));
    EXPECT_THAT(together[i].sums.sum_of_squares, ElementsAreArray(alone[i].sums.sum_of_squares));
    EXPECT_THAT(together[i].sums.peak, ElementsAreArray(alone[i].sums.peak));
    const Histogram one = alone[i].channels.Merged({});
    const Histogram other = together[i].channels.Merged({});
    EXPECT_EQ(one.bin_width(), other.bin_width());
    EXPECT_THAT(other.bins(), ElementsAreArray(one.bins()));
  }
}

TEST(ObserveTest, KeepsTheExtremesOfEachSampleInTheirOrder) {
  ObserveOptions options;
  options.threads = 4;
  ASSERT_OK_AND_ASSIGN(const auto statistics, Observe(Model(), {{"x", 0}, {"x"}}, 40, LoadNumber, options));
  for (const TensorStatistics& tensor : statistics) {
    ASSERT_EQ(tensor.samples.size(), 40);
    for (size_t sample = 0; sample < 40; ++sample) {
      EXPECT_EQ(tensor.samples[sample].min, -static_cast<float>(sample));
      EXPECT_EQ(tensor.samples[sample].max, static_cast<float>(sample));
    }
  }
}

TEST(ObserveTest, ADimensionThatIsNotThereMeansNoChannels) {
  ASSERT_OK_AND_ASSIGN(const auto statistics, Observe(Model(), {{"x", 1}}, 3, LoadNumber, {}));
  EXPECT_EQ(statistics[0].channels.channels(), 0);
  EXPECT_EQ(statistics[0].histogram.count(), 6);
}

TEST(ObserveTest, ValuesThatAreNotFiniteAreCountedWithChannelsAndWithout) {
  const auto load = [](size_t) {
    const std::vector<float> values = {std::numeric_limits<float>::quiet_NaN(),
                                       -std::numeric_limits<float>::infinity()};
    return std::vector<Tensor>{MakeTensor<float>(onnx::TensorProto::FLOAT, {2}, values)};
  };
  ASSERT_OK_AND_ASSIGN(const auto statistics, Observe(Model(), {{"x", 0}, {"x"}}, 2, load, {}));
  EXPECT_EQ(statistics[0].not_finite(), 4);
  EXPECT_EQ(statistics[1].not_finite(), 4);
}

TEST(ObserveTest, VisitsEveryTensorOfEverySample) {
  ObserveOptions options;
  options.threads = 3;
  std::vector<std::vector<float>> seen(20, std::vector<float>(2));
  ASSERT_THAT(VisitTensors(Model(), {"z", "x"}, 20, LoadNumber, options,
                           [&](size_t sample, size_t tensor, const TensorView& value) {
                             seen[sample][tensor] = value.values<float>()[0];
                           }),
              IsOk());
  for (size_t sample = 0; sample < 20; ++sample) {
    EXPECT_THAT(seen[sample], ElementsAre(2 * static_cast<float>(sample), static_cast<float>(sample)));
  }
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
