#include "compiler/evaluation/layer_analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::SizeIs;

onnx::ModelProto Model(const std::string& text, int opset = 13) {
  onnx::ModelProto model = ParseOnnxText(text, opset);
  onnx::shape_inference::InferShapes(model);
  return model;
}

constexpr char kFloat[] = R"(g (float[2] x) => (float[2] z) <float a = {2}, float b = {3}> {
    [first] y = Mul(x, a)
    [second] z = Mul(y, b) })";
// Steps of 1 after the first layer, of 2 after the second.
constexpr char kQuantized[] = R"(g (float[2] x) => (float[2] z)
    <float a = {2}, float b = {3}, float one = {1}, float two = {2}, uint8 p = {0}> {
      y_unquantized = Mul(x, a)
      y_quantized = QuantizeLinear(y_unquantized, one, p)
      y = DequantizeLinear(y_quantized, one, p)
      z_unquantized = Mul(y, b)
      z_quantized = QuantizeLinear(z_unquantized, two, p)
      z = DequantizeLinear(z_quantized, two, p) })";

std::function<absl::StatusOr<std::vector<Tensor>>(size_t)> Always(const std::vector<float>& values) {
  return [values](size_t) -> absl::StatusOr<std::vector<Tensor>> {
    return std::vector<Tensor>{
        MakeTensor<float>(onnx::TensorProto::FLOAT, {static_cast<int64_t>(values.size())}, values)};
  };
}

// y: {1.2, 2.4} becomes {1, 2}. z: {3.6, 7.2} becomes {3, 6} with what came in, and then {4, 6}.
TEST(LayerAnalysisTest, TellsInjectedFromInheritedError) {
  ASSERT_OK_AND_ASSIGN(const v1::Precision precision,
                       AnalyzeLayers(Model(kFloat), Model(kQuantized), Always({0.6F, 1.2F}), {.num_samples = 1}));
  ASSERT_THAT(precision.layers(), SizeIs(2));
  const v1::LayerPrecision& y = precision.layers(0);
  EXPECT_EQ(y.name(), "first");
  EXPECT_EQ(y.op_type(), "Mul");
  EXPECT_EQ(y.tensor(), "y");
  EXPECT_THAT(y.injected_error(), FloatNear(std::sqrt(0.2F / 7.2F), 1e-5F));
  EXPECT_THAT(y.inherited_error(), FloatNear(0, 1e-6F));
  EXPECT_THAT(y.observed_min(), FloatNear(1.2F, 1e-5F));
  EXPECT_THAT(y.observed_max(), FloatNear(2.4F, 1e-5F));
  EXPECT_EQ(y.range_max(), 255);

  const v1::LayerPrecision& z = precision.layers(1);
  EXPECT_EQ(z.name(), "second");
  EXPECT_THAT(z.inherited_error(), FloatNear(std::sqrt(1.8F / 64.8F), 1e-5F));
  EXPECT_THAT(z.injected_error(), FloatNear(std::sqrt(1.0F / 64.8F), 1e-5F));
  EXPECT_THAT(z.relative_error(), FloatNear(std::sqrt(1.6F / 64.8F), 1e-5F));
  EXPECT_THAT(z.sqnr_db(), FloatNear(10 * std::log10(64.8F / 1.6F), 1e-3F));
  EXPECT_EQ(z.scale(), 2);
  EXPECT_THAT(z.inputs(), ElementsAre("y"));

  EXPECT_EQ(precision.contribution_method(), v1::CONTRIBUTION_METHOD_TRACED);
  EXPECT_THAT(y.contribution(), FloatNear(1.8F / 2.8F, 1e-5F));
  EXPECT_THAT(z.contribution(), FloatNear(1.0F / 2.8F, 1e-5F));
  EXPECT_FALSE(z.has_alone_sqnr_db());
}

// With z alone {3.6, 7.2} becomes {4, 8}.
TEST(LayerAnalysisTest, MeasuresWhatALayerCostsAlone) {
  ASSERT_OK_AND_ASSIGN(const v1::Precision precision,
                       AnalyzeLayers(Model(kFloat), Model(kQuantized), Always({0.6F, 1.2F}),
                                     {.num_samples = 2, .measure_contributions = true}));
  ASSERT_THAT(precision.layers(), SizeIs(2));
  EXPECT_EQ(precision.contribution_method(), v1::CONTRIBUTION_METHOD_MEASURED);
  EXPECT_THAT(precision.layers(0).alone_sqnr_db(), FloatNear(10 * std::log10(64.8F / 1.8F), 1e-3F));
  EXPECT_THAT(precision.layers(1).alone_sqnr_db(), FloatNear(10 * std::log10(64.8F / 0.8F), 1e-3F));
  EXPECT_THAT(precision.layers(0).contribution(), FloatNear(1.8F / 2.6F, 1e-5F));
  EXPECT_THAT(precision.layers(1).contribution(), FloatNear(0.8F / 2.6F, 1e-5F));
}

TEST(LayerAnalysisTest, CountsValuesThatAreCutOff) {
  ASSERT_OK_AND_ASSIGN(const v1::Precision precision,
                       AnalyzeLayers(Model(kFloat), Model(kQuantized), Always({-3, 100}), {.num_samples = 1}));
  EXPECT_EQ(precision.layers(0).saturation(), 0.5F);  // -6
  EXPECT_EQ(precision.layers(1).saturation(), 0.5F);  // 600 of at most 510; -6 came in as 0
}

TEST(LayerAnalysisTest, IsTheSameOnAnyNumberOfThreads) {
  const auto load = [](size_t sample) { return Always({0.1F * static_cast<float>(sample), 1.7F})(sample); };
  for (const bool measure : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const v1::Precision once,
                         AnalyzeLayers(Model(kFloat), Model(kQuantized), load,
                                       {.num_samples = 9, .threads = 1, .measure_contributions = measure}));
    ASSERT_OK_AND_ASSIGN(const v1::Precision again,
                         AnalyzeLayers(Model(kFloat), Model(kQuantized), load,
                                       {.num_samples = 9, .threads = 4, .measure_contributions = measure}));
    EXPECT_EQ(once.SerializeAsString(), again.SerializeAsString());
  }
}

TEST(LayerAnalysisTest, TakesModelsThatOthersQuantizedInANewerOpset) {
  ASSERT_OK_AND_ASSIGN(const v1::Precision precision, AnalyzeLayers(Model(kFloat),
                                                                    Model(R"(g (float[2] x) => (float[2] z)
      <float a = {2}, float b = {3}, float s = {1}, int16 p = {0}> {
        y = Mul(x, a)
        q = QuantizeLinear(y, s, p)
        y_DequantizeLinear_Output = DequantizeLinear(q, s, p)
        z = Mul(y_DequantizeLinear_Output, b) })",
                                                                          21),
                                                                    Always({0.6F, 1.2F}), {.num_samples = 1}));
  ASSERT_THAT(precision.layers(), SizeIs(2));
  EXPECT_EQ(precision.layers(0).bits(), 16);
  EXPECT_THAT(precision.layers(0).contribution(), FloatNear(1, 1e-6F));
  EXPECT_EQ(precision.layers(1).bits(), 0);
  EXPECT_EQ(precision.layers(1).injected_error(), 0);
  EXPECT_THAT(precision.layers(1).inherited_error(), FloatNear(std::sqrt(1.8F / 64.8F), 1e-5F));
}

// The copies of a branch must read the copy's tensors.
TEST(LayerAnalysisTest, FollowsTensorsIntoBranches) {
  const std::string branch = R"( = If(c) <
      then_branch = t () => (float[2] t_out) { t_out = Mul(y, b) },
      else_branch = e () => (float[2] e_out) { e_out = Add(y, b) }> )";
  const onnx::ModelProto reference = Model(
      "g (float[2] x) => (float[2] z) <float a = {2}, float b = {3}, bool c = {1}> {"
      "y = Mul(x, a)  z" +
      branch + "}");
  const onnx::ModelProto quantized = Model(
      "g (float[2] x) => (float[2] z) <float a = {2}, float b = {3}, bool c = {1}, float s = {1}, uint8 p = {0}> {"
      "v = Mul(x, a)  q = QuantizeLinear(v, s, p)  y = DequantizeLinear(q, s, p)  z" +
      branch + "}");
  for (const bool measure : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const v1::Precision precision,
                         AnalyzeLayers(reference, quantized, Always({0.6F, 1.2F}),
                                       {.num_samples = 1, .measure_contributions = measure}));
    ASSERT_THAT(precision.layers(), SizeIs(2));
    EXPECT_THAT(precision.layers(1).inherited_error(), FloatNear(std::sqrt(1.8F / 64.8F), 1e-5F));
    EXPECT_THAT(precision.layers(0).contribution(), FloatNear(1, 1e-6F));
  }
}

TEST(LayerAnalysisTest, LooksAtLargeModelsInParts) {
  // Three versions of three tensors of 16 MiB.
  const std::string shape = "float[1,1,2048,2048]";
  const onnx::ModelProto reference =
      Model(absl::StrCat("g (", shape, " x) => (", shape, " z) { y = Relu(x)  r = Neg(y)  z = Abs(r) }"));
  const onnx::ModelProto quantized = Model(absl::StrCat("g (", shape, " x) => (", shape, R"( z)
      <float s = {0.5}, uint8 p = {0}, uint8 n = {255}> {
        y_u = Relu(x)  y_q = QuantizeLinear(y_u, s, p)  y = DequantizeLinear(y_q, s, p)
        r_u = Neg(y)  r_q = QuantizeLinear(r_u, s, n)  r = DequantizeLinear(r_q, s, n)
        z_u = Abs(r)  z_q = QuantizeLinear(z_u, s, p)  z = DequantizeLinear(z_q, s, p) })"));
  const auto load = [](size_t) -> absl::StatusOr<std::vector<Tensor>> {
    std::vector<float> values(size_t{2048} * 2048, 1.2F);
    return std::vector<Tensor>{MakeTensor<float>(onnx::TensorProto::FLOAT, {1, 1, 2048, 2048}, values)};
  };
  ASSERT_OK_AND_ASSIGN(const v1::Precision precision, AnalyzeLayers(reference, quantized, load, {.num_samples = 1}));
  ASSERT_THAT(precision.layers(), SizeIs(3));
  EXPECT_THAT(precision.layers(0).injected_error(), FloatNear(0.2F / 1.2F, 1e-4F));
  for (const int i : {1, 2}) {
    EXPECT_THAT(precision.layers(i).injected_error(), FloatNear(0, 1e-6F));
    EXPECT_THAT(precision.layers(i).inherited_error(), FloatNear(0.2F / 1.2F, 1e-4F));
  }
}

TEST(LayerAnalysisTest, RefusesModelsThatDoNotBelongTogether) {
  const onnx::ModelProto other = Model("g (float[2] data) => (float[2] z) { z = Relu(data) }");
  EXPECT_THAT(AnalyzeLayers(Model(kFloat), other, Always({0, 0}), {.num_samples = 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"x\"")));
}

TEST(LayerAnalysisTest, ASampleThatCannotBeLoadedIsAnError) {
  const auto load = [](size_t) -> absl::StatusOr<std::vector<Tensor>> { return absl::DataLossError("b.png"); };
  EXPECT_THAT(AnalyzeLayers(Model(kFloat), Model(kQuantized), load, {.num_samples = 3}),
              StatusIs(absl::StatusCode::kDataLoss, "b.png"));
}

}  // namespace
}  // namespace joinery::compiler
