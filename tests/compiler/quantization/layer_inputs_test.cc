#include "compiler/quantization/layer_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <set>
#include <vector>

#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/quantize.h"
#include "tests/compiler/quantization/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::testing::Each;
using ::testing::SizeIs;

constexpr int64_t kAnyDepth = std::numeric_limits<int64_t>::max();

struct Network {
  explicit Network(const std::string& text) : graph(InferGraph(text)), plan(PlanQuantization(graph, {})) {
    absl::StatusOr<std::vector<LinearWeights>> weights = LoadLinearWeights(graph, plan);
    EXPECT_TRUE(weights.ok()) << weights.status();
    layers.weights = *std::move(weights);
    for (const ActivationGroup& group : plan.groups) {
      quantization.activations.push_back(ParametersFor({-4, 4}, group.bits));
    }
  }

  absl::StatusOr<std::vector<LayerInputs>> Collect(size_t samples, int threads = 1, int64_t deepest = kAnyDepth,
                                                   const LoadSampleFunction& load = {}) {
    ObserveOptions options;
    options.threads = threads;
    return CollectLayerInputs(graph.model(), graph, plan, layers, quantization, deepest, samples,
                              load ? load : RandomSamples(graph), options);
  }

  Graph graph;
  QuantizationPlan plan;
  FloatLayers layers;
  Quantization quantization;
};

// What the layer makes of each column, sorted: columns may come from any places.
std::multiset<int> OutputsOf(const LayerInputs& inputs, const std::vector<float>& weights) {
  std::multiset<int> outputs;
  for (int64_t column = 0; column < inputs.columns(); ++column) {
    float sum = 0;
    for (int64_t i = 0; i < inputs.depth; ++i) {
      const int number = inputs.numbers[static_cast<size_t>(column * inputs.depth + i)];
      sum += static_cast<float>(number - inputs.zero_point) * inputs.scale * weights[static_cast<size_t>(i)];
    }
    outputs.insert(static_cast<int>(std::lround(sum * 100)));
  }
  return outputs;
}

// Strides, dilations and uneven padding.
TEST(LayerInputsTest, AColumnIsWhatMakesOneValueOfTheOutput) {
  Network network("g (float[1,2,7,6] x) => (float[1,1,y,w] z) <float[1,2,3,2] v = " + RandomNumbers(1, 12, 3) +
                  "> { z = Conv <strides = [2,1], dilations = [1,2], pads = [1,0,0,2]> (x, v) }");
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> inputs, network.Collect(1));
  ASSERT_THAT(inputs, SizeIs(1));
  EXPECT_EQ(inputs[0].groups, 1);
  EXPECT_EQ(inputs[0].depth, 12);
  const std::vector<float> outputs = RunFor(network.graph.model(), {"z"}, *RandomSamples(network.graph)(0)).front();
  ASSERT_EQ(inputs[0].columns(), static_cast<int64_t>(outputs.size()));
  // Each once, but for what rounding the input changes.
  const std::multiset<int> collected = OutputsOf(inputs[0], network.layers.weights[0].values);
  std::multiset<int> expected;
  for (const float value : outputs) expected.insert(static_cast<int>(std::lround(value * 100)));
  for (auto a = collected.begin(), b = expected.begin(); a != collected.end(); ++a, ++b) EXPECT_NEAR(*a, *b, 12);
}

TEST(LayerInputsTest, MatrixProductsReadTheirRows) {
  Network network("g (float[1,5,3] x) => (float[1,5,2] z) <float[3,2] v = {1,0,0,1,1,0}> { z = MatMul(x, v) }");
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> inputs, network.Collect(1));
  EXPECT_EQ(inputs[0].depth, 3);
  EXPECT_EQ(inputs[0].columns(), 5);
  const std::vector<Tensor> sample = *RandomSamples(network.graph)(0);
  EXPECT_EQ(inputs[0].numbers, QuantizeToUint8(sample[0].values<float>(), network.quantization.activations[0]));
}

TEST(LayerInputsTest, InputsAreThoseOfTheRewrittenNetwork) {
  Network network("g (float[1,3] x) => (float[1,2] z) <float[3,2] v = {1,0,0,1,1,0}> { z = MatMul(x, v) }");
  network.layers.factors["x"] = {1, 0, 2};
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> inputs, network.Collect(1));
  std::vector<float> values(3);
  const std::vector<Tensor> sample = *RandomSamples(network.graph)(0);
  for (size_t i = 0; i < 3; ++i) values[i] = sample[0].values<float>()[i] * (i == 0 ? 1.0F : i == 1 ? 0.0F : 2.0F);
  EXPECT_EQ(inputs[0].numbers, QuantizeToUint8(values, network.quantization.activations[0]));
}

constexpr char kTwoLayers[] = R"(g (float[1,8,16,16] x) => (float[1,4,16,16] z)
    <float[8,1,3,3] v, float[4,8,1,1] w> {
      a = Conv <group = 8, pads = [1,1,1,1]> (x, v)  z = Conv(a, w) })";

std::string TwoLayers() {
  std::string text = kTwoLayers;
  text.replace(text.find("v, "), 2, "v = " + RandomNumbers(8, 9, 1) + ",");
  text.replace(text.find("w> "), 1, "w = " + RandomNumbers(4, 8, 2));
  return text;
}

TEST(LayerInputsTest, AreTheSameWithAnyNumberOfThreads) {
  Network network(TwoLayers());
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> one, network.Collect(20, 1));
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> three, network.Collect(20, 3));
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(one[i].numbers, three[i].numbers) << i;
  EXPECT_EQ(one[0].groups, 8);
  EXPECT_EQ(one[0].depth, 9);
}

TEST(LayerInputsTest, DeepLayersAreLeftOut) {
  Network network(TwoLayers());
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> inputs, network.Collect(4, 1, /*deepest=*/8));
  EXPECT_EQ(inputs[0].columns(), 0);
  EXPECT_GT(inputs[1].columns(), 0);
}

// So many samples that a column of each would already be more than there may be.
TEST(LayerInputsTest, MemoryIsBoundedWhateverTheNumberOfSamples) {
  Network network("g (float[1,4096] x) => (float[1,1] z) <float[4096,1] v = " + RandomNumbers(1, 4096, 1) +
                  "> { z = MatMul(x, v) }");
  constexpr size_t kSamples = 40'000;
  std::atomic<size_t> loaded = 0;
  std::atomic<size_t> last = 0;
  const std::vector<Tensor> feed = *RandomSamples(network.graph)(0);
  const auto load = [&](size_t sample) -> absl::StatusOr<std::vector<Tensor>> {
    ++loaded;
    last = std::max(last.load(), sample);
    return feed;
  };
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> inputs, network.Collect(kSamples, 1, kAnyDepth, load));
  EXPECT_LT(inputs[0].numbers.size(), size_t{80} << 20);
  EXPECT_LT(loaded, kSamples / 2);
  // From all of the set.
  EXPECT_GT(last, kSamples - 10);
}

TEST(LayerInputsTest, LayersWithoutColumnsHaveNone) {
  Network network("g (float[1,2,4,4] x) => (float[1,2,8,8] z) <float[2,2,2,2] v = " + RandomNumbers(2, 8, 1) +
                  "> { z = ConvTranspose <strides = [2,2]> (x, v) }");
  ASSERT_OK_AND_ASSIGN(const std::vector<LayerInputs> inputs, network.Collect(2));
  ASSERT_THAT(inputs, SizeIs(1));
  EXPECT_EQ(inputs[0].columns(), 0);
}

TEST(LayerInputsTest, AnUnreadableSampleIsAnError) {
  Network network(TwoLayers());
  const auto load = [](size_t) -> absl::StatusOr<std::vector<Tensor>> { return absl::DataLossError("torn"); };
  EXPECT_EQ(network.Collect(2, 1, kAnyDepth, load).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace joinery::compiler
