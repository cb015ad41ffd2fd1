#include "compiler/precision_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "compiler/algorithm_gains.h"
#include "compiler/evaluation/compare.h"
#include "compiler/quantization/quantizer.h"
#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

constexpr size_t kSamples = 6;

// Weights that 8 bits have exactly, so that only the rounding of activations makes a difference.
std::string WholeNumbers(size_t rows, size_t columns, uint32_t seed, float scale) {
  std::mt19937 generator(seed);
  std::uniform_int_distribution<int> number(-127, 127);
  std::vector<float> values;
  for (size_t i = 0; i < rows * columns; ++i) {
    values.push_back(scale * static_cast<float>(i % columns == 0 ? 127 : number(generator)));
  }
  return absl::StrCat("{", absl::StrJoin(values, ","), "}");
}

std::string ThreeLayers() {
  return "g (float[1,4,6,6] x) => (float[1,4,6,6] z) <float[8,4,1,1] u = " + WholeNumbers(8, 4, 1, 0.01F) +
         ", float[8,8,1,1] v = " + WholeNumbers(8, 8, 2, 0.01F) +
         ", float[4,8,1,1] w = " + WholeNumbers(4, 8, 3, 0.01F) +
         R"(> { a = Conv(x, u)  b = Relu(a)  c = Conv(b, v)  d = Relu(c)  z = Conv(d, w) })";
}

class PrecisionSearchTest : public ::testing::Test {
 protected:
  PrecisionSearchTest() : graph_(InferGraph(ThreeLayers(), 21)), plan_(PlanQuantization(graph_, {})) {
    configuration_.mutable_calibration()->set_range_method(v1::RANGE_METHOD_MSE);
    configuration_.mutable_calibration()->set_weight_granularity(v1::WEIGHT_GRANULARITY_PER_CHANNEL);
    configuration_.mutable_quantization()->set_bias_correction(v1::BIAS_CORRECTION_ANALYTIC);
    absl::StatusOr<std::vector<LinearWeights>> weights = LoadLinearWeights(graph_, plan_);
    EXPECT_TRUE(weights.ok()) << weights.status();
    layers_.weights = *std::move(weights);
    statistics_ =
        ObserveAll(graph_, TensorsToObserve(graph_, plan_, {}, /*all=*/true), kSamples, RandomSamples(graph_));
    options_.num_samples = kSamples;
    options_.load = RandomSamples(graph_);
    options_.on_progress = [this](double fraction) {
      EXPECT_THAT(fraction, AllOf(Ge(last_fraction_), Le(1.0)));
      last_fraction_ = fraction;
      return progress_;
    };
  }

  Quantizable Network() {
    Quantizable network{graph_.model(), {}, statistics_, layers_.factors, {}, configuration_};
    absl::StatusOr<Quantization> quantization = QuantizeToNearest(graph_, plan_, layers_, statistics_, configuration_);
    EXPECT_TRUE(quantization.ok()) << quantization.status();
    for (size_t i = 0; i < plan_.linear_nodes.size(); ++i) {
      network.linear.emplace(plan_.linear_nodes[i].node->output(0), quantization->linear[i]);
    }
    return network;
  }

  absl::StatusOr<PrecisionSearchResult> Search(const PrecisionGoal& goal, const ChosenBits& chosen = {}) {
    last_fraction_ = 0;
    const Quantizable network = Network();
    return SearchPrecision(network, goal, chosen, options_);
  }

  // Of the outputs of the network in these formats, measured apart from the search.
  double MeasureSqnr(const ChosenBits& chosen) {
    const Quantizable network = Network();
    absl::StatusOr<Quantized> quantized = QuantizeAs(network, chosen);
    EXPECT_TRUE(quantized.ok()) << quantized.status();
    Comparison comparison;
    for (size_t sample = 0; sample < kSamples; ++sample) {
      const std::vector<Tensor> feed = *options_.load(sample);
      comparison.Add(RunFor(graph_.model(), {"z"}, feed).front(),
                     RunFor(quantized->graph->model(), {"z"}, feed).front());
    }
    return comparison.sqnr_db();
  }

  Graph graph_;
  QuantizationPlan plan_;
  FloatLayers layers_;
  StatisticsOfTensors statistics_;
  v1::BuildConfiguration configuration_;
  PrecisionSearchOptions options_;
  absl::Status progress_;
  double last_fraction_ = 0;
};

TEST_F(PrecisionSearchTest, NothingIsChosenWhereEightBitsSuffice) {
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult result, Search({.cosine = 0.5, .sqnr_db = 1}));
  EXPECT_TRUE(result.is_reached);
  EXPECT_THAT(result.chosen, IsEmpty());
  ASSERT_THAT(result.curve, SizeIs(1));
  EXPECT_EQ(result.curve[0].share_16_bit(), 0);
}

TEST_F(PrecisionSearchTest, ReachesTheGoalWithAPartOfTheLayers) {
  const double all_8_bit = MeasureSqnr({});
  const double goal = all_8_bit + 3;
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult result, Search({.sqnr_db = goal}));
  EXPECT_TRUE(result.is_reached);
  EXPECT_THAT(result.chosen, Not(IsEmpty()));
  for (const auto& [tensor, bits] : result.chosen) EXPECT_EQ(bits, v1::LAYER_BITS_16) << tensor;
  EXPECT_GE(MeasureSqnr(result.chosen), goal - 0.05);
  // Otherwise all would have been chosen, which nobody needs to search for.
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult all, Search({.sqnr_db = 199}));
  EXPECT_LT(result.chosen.size(), all.chosen.size());
}

TEST_F(PrecisionSearchTest, TheCurveTellsWhatEachStepCostsAndReaches) {
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult result, Search({.sqnr_db = MeasureSqnr({}) + 3}));
  ASSERT_GE(result.curve.size(), 2);
  EXPECT_EQ(result.curve.front().share_16_bit(), 0);
  EXPECT_NEAR(result.curve.front().sqnr_db(), MeasureSqnr({}), 0.1);
  EXPECT_THAT(result.curve.front().layer(), IsEmpty());
  for (size_t i = 1; i < result.curve.size(); ++i) {
    EXPECT_GT(result.curve[i].share_16_bit(), result.curve[i - 1].share_16_bit()) << i;
    EXPECT_LE(result.curve[i].share_16_bit(), 1.0001F) << i;
    EXPECT_THAT(result.curve[i].layer(), Not(IsEmpty())) << i;
  }
}

TEST_F(PrecisionSearchTest, SaysWhatCannotBeReached) {
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult result, Search({.sqnr_db = 199}));
  EXPECT_FALSE(result.is_reached);
  EXPECT_THAT(result.chosen, Not(IsEmpty()));
  EXPECT_GT(MeasureSqnr(result.chosen), MeasureSqnr({}) + 6);
}

TEST_F(PrecisionSearchTest, LayersMayBeLeftFloat) {
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult result,
                       Search({.cosine = 0.99999999, .bits = v1::LAYER_BITS_FLOAT}));
  const Quantizable network = Network();
  ASSERT_OK_AND_ASSIGN(const Quantized quantized, QuantizeAs(network, result.chosen));
  EXPECT_THAT(quantized.plan.float_nodes, Not(IsEmpty()));
  EXPECT_GT(MeasureSqnr(result.chosen), MeasureSqnr({}) + 10);
}

TEST_F(PrecisionSearchTest, WhatWasChosenBeforeStays) {
  const ChosenBits before = {{"c", v1::LAYER_BITS_16}};
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult result, Search({.sqnr_db = 1}, before));
  EXPECT_EQ(result.chosen, before);
  ASSERT_OK_AND_ASSIGN(const PrecisionSearchResult more, Search({.sqnr_db = 199}, before));
  EXPECT_THAT(more.chosen, ::testing::Contains(Key("c")));
}

TEST_F(PrecisionSearchTest, AnErrorOfTheListenerEndsTheSearch) {
  progress_ = absl::CancelledError("enough");
  EXPECT_EQ(Search({.sqnr_db = 199}).status().code(), absl::StatusCode::kCancelled);
}

TEST_F(PrecisionSearchTest, ConfiguredFormatsHold) {
  v1::LayerFormat* format = configuration_.mutable_quantization()->add_layers();
  format->add_op_types("Conv");
  format->set_bits(v1::LAYER_BITS_16);
  EXPECT_GT(MeasureSqnr({}), 30);
}

TEST_F(PrecisionSearchTest, GainsAreMeasuredOneAfterTheOther) {
  std::vector<std::vector<Tensor>> samples;
  for (size_t i = 0; i < kSamples; ++i) samples.push_back(*options_.load(i));
  ASSERT_OK_AND_ASSIGN(AlgorithmGains gains, AlgorithmGains::Create(graph_.model(), samples, {}));
  const double plain = MeasureSqnr({});
  ASSERT_TRUE(gains.Add("", Network()).ok());
  EXPECT_THAT(gains.gains(), IsEmpty());
  v1::LayerFormat* format = configuration_.mutable_quantization()->add_layers();
  format->set_bits(v1::LAYER_BITS_16);
  ASSERT_TRUE(gains.Add("wider activations", Network()).ok());
  ASSERT_THAT(gains.gains(), SizeIs(1));
  const v1::AlgorithmGain& gain = gains.gains()[0];
  EXPECT_EQ(gain.name(), "wider activations");
  EXPECT_EQ(gain.metric(), "sqnr_db");
  EXPECT_NEAR(gain.before(), plain, 0.1);
  EXPECT_NEAR(gain.after(), MeasureSqnr({}), 0.1);
  EXPECT_GT(gain.after(), gain.before() + 6);
}

}  // namespace
}  // namespace joinery::compiler
