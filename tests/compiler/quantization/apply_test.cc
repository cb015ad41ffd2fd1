#include "compiler/quantization/apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "base/status.h"
#include "compiler/execution/executor.h"
#include "compiler/quantization/linear_weights.h"
#include "compiler/quantization/quantizer.h"
#include "onnx/checker.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::testing::Each;
using ::testing::FloatNear;
using ::testing::Pointwise;

struct Case {
  std::string name;
  std::string model;
};

std::vector<float> Ramp(size_t size) {
  std::vector<float> values(size);
  for (size_t i = 0; i < size; ++i) values[i] = std::sin(static_cast<float>(i) * 0.7F);
  return values;
}

std::vector<float> RunOnRamp(const onnx::ModelProto& model) {
  const auto executor = LoadOnnxRuntime(model, {});
  EXPECT_THAT(executor, IsOk());
  std::vector<Tensor> feed;
  for (const TensorSpec& spec : (*executor)->inputs()) {
    const std::vector<float> values = Ramp(static_cast<size_t>(NumElements(spec.shape)));
    feed.push_back(MakeTensor<float>(onnx::TensorProto::FLOAT, spec.shape, values));
  }
  const auto outputs = RunToTensors(**executor, feed);
  EXPECT_THAT(outputs, IsOk());
  const absl::Span<const float> values = (*outputs)[0].values<float>();
  return {values.begin(), values.end()};
}

// Everything rounded to nearest, with these scales of the activations.
absl::StatusOr<Quantization> RoundAll(Graph& graph, const QuantizationPlan& plan,
                                      const std::vector<QuantizationParameters>& activations,
                                      v1::WeightGranularity granularity = v1::WEIGHT_GRANULARITY_PER_CHANNEL) {
  ASSIGN_OR_RETURN(const std::vector<LinearWeights> weights, LoadLinearWeights(graph, plan));
  Quantization quantization;
  quantization.activations = activations;
  for (size_t i = 0; i < weights.size(); ++i) {
    const LinearNode& linear = plan.linear_nodes[i];
    const float input_scale = activations[static_cast<size_t>(linear.input_group)].scale;
    quantization.linear.push_back({RoundToNearest(linear, weights[i], input_scale, granularity), weights[i].bias});
  }
  return quantization;
}

class ApplyTest : public ::testing::TestWithParam<Case> {};

// Every form gives a valid model whose output is the float model's up to the steps of 8 bits.
TEST_P(ApplyTest, KeepsMeaningAndNames) {
  onnx::ModelProto model = ParseOnnxText(GetParam().model);
  onnx::shape_inference::InferShapes(model);
  const std::vector<float> expected = RunOnRamp(model);
  for (const v1::WeightGranularity granularity :
       {v1::WEIGHT_GRANULARITY_PER_CHANNEL, v1::WEIGHT_GRANULARITY_PER_TENSOR}) {
    Graph graph(model);
    const QuantizationPlan plan = PlanQuantization(graph, {});
    ASSERT_FALSE(plan.groups.empty());
    const std::vector<QuantizationParameters> activations(plan.groups.size(), ParametersFor({-2.0F, 2.0F}, 8));
    ASSERT_OK_AND_ASSIGN(const Quantization quantization, RoundAll(graph, plan, activations, granularity));
    ASSERT_THAT(ApplyQuantization(graph, plan, quantization), IsOk());
    EXPECT_NO_THROW(onnx::checker::check_model(graph.model()));
    EXPECT_EQ(graph.proto().input(0).name(), model.graph().input(0).name());
    EXPECT_EQ(graph.proto().output(0).name(), model.graph().output(0).name());
    EXPECT_THAT(RunOnRamp(graph.model()), Pointwise(FloatNear(0.06F), expected));
    for (const onnx::TensorProto& initializer : graph.proto().initializer()) {
      const bool is_weight = initializer.dims_size() > 0 && !absl::StrContains(initializer.name(), "_scale");
      EXPECT_FALSE(is_weight && initializer.data_type() == onnx::TensorProto::FLOAT) << initializer.name();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, ApplyTest,
                         ::testing::ValuesIn<Case>({
                             {"ConvWithBiasAndRelu", R"(g (float[1,2,3,3] x) => (float[1,2,3,3] z)
            <float[2,2,1,1] w = {0.5,-0.3,0.1,0.8}, float[2] b = {0.25,-0.5}> { y = Conv(x, w, b)  z = Relu(y) })"},
                             {"DepthwiseConv", R"(g (float[1,2,3,3] x) => (float[1,2,3,3] z)
            <float[2,1,1,1] w = {0.5,-0.3}> { z = Conv <group = 2> (x, w) })"},
                             {"ConvTranspose", R"(g (float[1,2,2,2] x) => (float[1,1,2,2] z)
            <float[2,1,1,1] w = {0.5,-0.3}, float[1] b = {0.1}> { z = ConvTranspose(x, w, b) })"},
                             {"GroupedConvTranspose", R"(g (float[1,2,2,2] x) => (float[1,2,2,2] z)
            <float[2,1,1,1] w = {0.5,-0.3}, float[2] b = {0.1,0.2}> { z = ConvTranspose <group = 2> (x, w, b) })"},
                             {"Gemm", R"(g (float[1,3] x) => (float[1,2] z)
            <float[3,2] w = {0.5,-0.3,0.1,0.8,0.2,-0.2}, float[2] b = {0.25,-0.5}> { z = Gemm(x, w, b) })"},
                             {"GemmTransposed", R"(g (float[1,3] x) => (float[1,2] z)
            <float[2,3] w = {0.5,-0.3,0.1,0.8,0.2,-0.2}> { z = Gemm <transB = 1> (x, w) })"},
                             {"MatMul", R"(g (float[1,3] x) => (float[1,2] z)
            <float[3,2] w = {0.5,-0.3,0.1,0.8,0.2,-0.2}> { z = MatMul(x, w) })"},
                             {"WeightsOfTwoNodes", R"(g (float[1,2] x) => (float[1,2] z)
            <float[2,2] w = {0.5,-0.3,0.1,0.8}, float[2] b = {0.1,0.1}> { y = Gemm(x, w, b)  z = Gemm(y, w, b) })"},
                             {"SumWithAConstant",
                              R"(g (float[1,3] x) => (float[1,3] z) <float[3] c = {0.5,-0.3,0.1}> { z = Add(x, c) })"},
                             {"Residual", R"(g (float[1,2,2,2] x) => (float[1,2,2,2] z)
            <float[2,2,1,1] w = {0.5,-0.3,0.1,0.8}> { y = Conv(x, w)  z = Add(x, y) })"},
                             {"MovesBetween", R"(g (float[1,2,2,2] x) => (float[1,8] z)
            <float[2,2,1,1] w = {0.5,-0.3,0.1,0.8}> { y = Conv(x, w)  t = Transpose <perm = [0,2,3,1]> (y)
             z = Flatten(t) })"},
                             {"FloatTail", R"(g (float[1,4] x) => (float[1,4] z)
            <float[4,4] w = {1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1}> { y = Gemm(x, w)  z = Softmax(y) })"},
                             {"ClippedTail", R"(g (float[1,4] x) => (float[1,4] z)
            <float low = {0}, float high = {0.5}> { y = Sigmoid(x)  z = Clip(y, low, high) })"},
                         }),
                         [](const auto& test) { return test.param.name; });

TEST(ApplyBiasTest, ABiasIsStoredInUnitsOfInputScaleTimesWeightScale) {
  onnx::ModelProto model = ParseOnnxText(R"(g (float[1,1] x) => (float[1,1] z)
      <float[1,1] w = {1.27}, float[1] b = {0.5}> { z = Gemm(x, w, b) })");
  onnx::shape_inference::InferShapes(model);
  Graph graph(model);
  const QuantizationPlan plan = PlanQuantization(graph, {});
  ASSERT_EQ(plan.groups.size(), 2);
  ASSERT_OK_AND_ASSIGN(const Quantization quantization, RoundAll(graph, plan, {{0.5F, 0}, {0.1F, 0}}));
  ASSERT_THAT(ApplyQuantization(graph, plan, quantization), IsOk());
  const onnx::TensorProto* bias = graph.Initializer("b_quantized");
  ASSERT_NE(bias, nullptr);
  ASSERT_OK_AND_ASSIGN(const Tensor units, ToTensor(*bias));
  EXPECT_THAT(units.values<int32_t>(), Each(100));  // 0.5 / (0.5 * 0.01)
}

TEST(ApplyBiasTest, ALayerWithoutABiasGetsTheOneOfItsQuantization) {
  onnx::ModelProto model = ParseOnnxText(R"(g (float[1,2,1,1] x) => (float[1,2,1,1] z)
      <float[2,2,1,1] w = {1.27,0,0,-1.27}> { z = Conv(x, w) })");
  onnx::shape_inference::InferShapes(model);
  Graph graph(model);
  const QuantizationPlan plan = PlanQuantization(graph, {});
  const std::vector<QuantizationParameters> activations(plan.groups.size(), ParametersFor({-2.0F, 2.0F}, 8));
  ASSERT_OK_AND_ASSIGN(Quantization quantization, RoundAll(graph, plan, activations));
  const std::vector<float> before = RunOnRamp(model);
  quantization.linear[0].bias = {0.5F, -0.25F};
  ASSERT_THAT(ApplyQuantization(graph, plan, quantization), IsOk());
  EXPECT_NO_THROW(onnx::checker::check_model(graph.model()));
  EXPECT_THAT(RunOnRamp(graph.model()),
              Pointwise(FloatNear(0.04F), std::vector<float>{before[0] + 0.5F, before[1] - 0.25F}));
}

}  // namespace
}  // namespace joinery::compiler
