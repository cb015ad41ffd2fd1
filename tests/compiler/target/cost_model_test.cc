// The figures of one layer, computed by hand; totals; what is said about them.
#include "compiler/target/cost_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/target/print_cost.h"
#include "compiler/target/target.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::HasSubstr;

// A million multiplications a microsecond in the whole mode, half of them for convolutions.
constexpr char kTarget[] = R"(
  name: "X" summary: "s" source: "s"
  operators { op_type: "Add" }
  modes { name: "whole" peak_tops { value: 2 source: "s" } }
  modes { name: "half" shares_with_isp: true peak_tops { value: 1 source: "s" } }
  cost {
    convolution_efficiency { value: 0.5 source: "s" }
    depthwise_efficiency { value: 0.1 source: "s" }
    matmul_efficiency { value: 0.25 source: "s" }
    vector_gelements_per_tops { value: 1 source: "s" }
    input_channel_alignment { value: 8 source: "s" }
    output_channel_alignment { value: 16 source: "s" }
    bandwidth_gb_per_s { value: 1 source: "s" }
    layer_buffer_bytes { value: 4000 source: "s" }
    network_overhead_us { value: 100 source: "s" }
    layer_overhead_us { value: 2 source: "s" }
    operators { op_types: "Softmax" factor { value: 5 source: "s" } }
    operators { op_types: "Silu" factor { value: 3 source: "s" } }
    cpu_gops { value: 2 source: "s" }
    cpu_gelements_per_s { value: 0.5 source: "s" }
    median_error_percent { value: 11 source: "s" }
    p90_error_percent { value: 44 source: "s" }
    tested_latencies: 7
  })";

v1::TargetDescription Target() {
  const absl::StatusOr<v1::TargetDescription> target = ParseTarget(kTarget, "x.textproto");
  EXPECT_THAT(target, IsOk());
  return target.value_or(v1::TargetDescription());
}

v1::LayerCost Estimate(const LayerShape& layer, const std::string& mode = "whole") {
  const v1::TargetDescription target = Target();
  const absl::StatusOr<v1::NpuMode> found = FindMode(target, mode);
  EXPECT_THAT(found, IsOk());
  const absl::StatusOr<CostModel> model = CostModel::Create(target, *found);
  EXPECT_THAT(model, IsOk());
  return model->Estimate(layer);
}

LayerShape Convolution(int64_t in, int64_t out, int64_t size) {
  LayerShape layer;
  layer.name = "c";
  layer.op_type = "Conv";
  layer.inputs = {{1, in, size, size}};
  layer.output = {1, out, size, size};
  layer.weights = {out, in, 3, 3};
  layer.kernel = {3, 3};
  return layer;
}

LayerShape Elementwise(const std::string& op_type, int64_t elements) {
  LayerShape layer;
  layer.name = op_type;
  layer.op_type = op_type;
  layer.inputs = {{1, elements}};
  layer.output = {1, elements};
  return layer;
}

TEST(CostModelTest, ConvolutionTakesItsMultiplications) {
  // 16 * 100 * 8 * 9 multiplications at half a million a microsecond; 3200 bytes of tensors fit on the chip.
  const v1::LayerCost cost = Estimate(Convolution(8, 16, 10));
  EXPECT_EQ(cost.operations(), 2 * 115200);
  EXPECT_NEAR(cost.compute_us(), 0.2304, 1e-9);
  EXPECT_EQ(cost.weight_bytes(), 1152);
  EXPECT_EQ(cost.dram_bytes(), 1152);
  EXPECT_NEAR(cost.memory_us(), 1.152, 1e-9);
  EXPECT_NEAR(cost.time_us(), 3.152, 1e-9);
  EXPECT_EQ(cost.bound(), v1::COST_BOUND_OVERHEAD);
  EXPECT_EQ(cost.alignment(), 1);
}

TEST(CostModelTest, ChannelsAreFilledUpToGroups) {
  const v1::LayerCost cost = Estimate(Convolution(3, 8, 10));
  EXPECT_EQ(cost.operations(), 2 * 8 * 100 * 3 * 9);
  EXPECT_NEAR(cost.compute_us(), 16 * 100 * 8 * 9 / 500000.0, 1e-9);
  EXPECT_NEAR(cost.alignment(), 3.0 / 16, 1e-9);
}

TEST(CostModelTest, DepthwiseConvolutionHasItsOwnRate) {
  LayerShape layer = Convolution(16, 16, 10);
  layer.weights = {16, 1, 3, 3};
  layer.group = 16;
  const v1::LayerCost cost = Estimate(layer);
  EXPECT_EQ(cost.operations(), 2 * 16 * 100 * 9);
  EXPECT_NEAR(cost.compute_us(), 16 * 100 * 9 / 100000.0, 1e-9);
}

TEST(CostModelTest, TransposedConvolutionMultipliesAtItsInput) {
  LayerShape layer = Convolution(8, 16, 10);
  layer.op_type = "ConvTranspose";
  layer.output = {1, 16, 20, 20};
  layer.weights = {8, 16, 2, 2};
  EXPECT_EQ(Estimate(layer).operations(), 2 * 100 * 8 * 16 * 4);
}

TEST(CostModelTest, MatMulMultipliesAlongItsLastDimension) {
  LayerShape layer;
  layer.op_type = "MatMul";
  layer.inputs = {{1, 4, 50, 32}, {1, 4, 32, 50}};
  layer.output = {1, 4, 50, 50};
  const v1::LayerCost cost = Estimate(layer);
  EXPECT_EQ(cost.operations(), 2 * 4 * 50 * 50 * 32);
  EXPECT_NEAR(cost.compute_us(), 4 * 50 * 50 * 32 / 250000.0, 1e-9);
}

TEST(CostModelTest, WhatDoesNotFitOnTheChipGoesToDram) {
  // 20 kB of tensors, 4 kB fit, or half of that in half of the NPU.
  EXPECT_EQ(Estimate(Elementwise("Add", 10000)).dram_bytes(), 16000);
  EXPECT_EQ(Estimate(Elementwise("Add", 10000), "half").dram_bytes(), 18000);
}

TEST(CostModelTest, OperatorsCostByTheirFactors) {
  EXPECT_NEAR(Estimate(Elementwise("Add", 1000)).vector_us(), 0.5, 1e-9);
  EXPECT_NEAR(Estimate(Elementwise("Softmax", 1000)).vector_us(), 2.5, 1e-9);
  EXPECT_NEAR(Estimate(Elementwise("Add", 1000), "half").vector_us(), 1.0, 1e-9);
}

TEST(CostModelTest, ActivationIsFreeUnlessItHasAFactor) {
  LayerShape layer = Convolution(8, 16, 10);
  layer.activation = "Relu";
  EXPECT_EQ(Estimate(layer).vector_us(), 0);
  layer.activation = "Silu";
  EXPECT_NEAR(Estimate(layer).vector_us(), 1600 * 3 / 2000.0, 1e-9);
}

TEST(CostModelTest, SixteenBitsTakeTwiceTheTimeAndBytes) {
  LayerShape layer = Convolution(64, 64, 20);
  const v1::LayerCost narrow = Estimate(layer);
  layer.bits = 16;
  const v1::LayerCost wide = Estimate(layer);
  EXPECT_NEAR(wide.compute_us(), 2 * narrow.compute_us(), 1e-9);
  EXPECT_EQ(wide.dram_bytes() - wide.weight_bytes(), 2 * 51200 - 4000);
  layer.weight_bits = 16;
  EXPECT_NEAR(Estimate(layer).compute_us(), 4 * narrow.compute_us(), 1e-9);
}

TEST(CostModelTest, ViewsAreFree) {
  EXPECT_EQ(Estimate(Elementwise("Reshape", 100000)).time_us(), 0);
  EXPECT_EQ(Estimate(Elementwise("Reshape", 100000)).dram_bytes(), 0);
}

TEST(CostModelTest, CpuHasItsOwnRates) {
  LayerShape layer = Elementwise("TopK", 1000);
  layer.on_cpu = true;
  EXPECT_NEAR(Estimate(layer).time_us(), 2.0, 1e-9);
  layer = Convolution(8, 16, 10);
  layer.on_cpu = true;
  EXPECT_NEAR(Estimate(layer).time_us(), 2 * 115200 / 2000.0, 1e-9);
}

TEST(CostModelTest, NamesTheFigureThatIsMissing) {
  v1::TargetDescription target = Target();
  target.mutable_cost()->clear_bandwidth_gb_per_s();
  EXPECT_THAT(CostModel::Create(target, target.modes(0)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cost.bandwidth_gb_per_s")));
}

absl::StatusOr<v1::Cost> EstimateAll(const std::vector<LayerShape>& layers) {
  const v1::TargetDescription target = Target();
  return EstimateCost(layers, /*boundary_bytes=*/500, target, target.modes(0));
}

TEST(EstimateCostTest, SumsLayersAndComparesModes) {
  const absl::StatusOr<v1::Cost> cost = EstimateAll({Convolution(8, 16, 10), Elementwise("Add", 10000)});
  ASSERT_THAT(cost, IsOk());
  // 3.152 and 16 + 2 microseconds, and the network's 100.
  EXPECT_NEAR(cost->latency_ms(), 0.121152, 1e-9);
  EXPECT_NEAR(cost->network_overhead_ms(), 0.1, 1e-9);
  EXPECT_EQ(cost->weight_bytes(), 1152);
  EXPECT_EQ(cost->dram_traffic_bytes(), 1152 + 16000 + 500);
  EXPECT_EQ(cost->on_chip_bytes(), 20000);
  EXPECT_GT(cost->memory_bytes(), 1152 + 16000 + 500);
  ASSERT_EQ(cost->modes_size(), 2);
  EXPECT_EQ(cost->modes(0).latency_ms(), cost->latency_ms());
  EXPECT_GT(cost->modes(1).latency_ms(), cost->latency_ms());
  EXPECT_TRUE(cost->modes(1).shares_with_isp());
}

TEST(EstimateCostTest, EachPartOnTheNpuHasItsOverhead) {
  LayerShape on_cpu = Elementwise("TopK", 1000);
  on_cpu.on_cpu = true;
  on_cpu.part = 1;
  LayerShape behind = Convolution(8, 16, 10);
  behind.part = 2;
  // In which order layers of different branches come says nothing.
  const std::vector<LayerShape> layers = {Convolution(8, 16, 10), behind, on_cpu, Convolution(8, 16, 10), behind};
  const absl::StatusOr<v1::Cost> cost = EstimateAll(layers);
  ASSERT_THAT(cost, IsOk());
  EXPECT_NEAR(cost->network_overhead_ms(), 0.2, 1e-9);
  const v1::TargetDescription target = Target();
  const absl::StatusOr<v1::Cost> handed = EstimateCost(layers, 500, target, target.modes(0), /*hand_over_us=*/30);
  ASSERT_THAT(handed, IsOk());
  EXPECT_NEAR(handed->network_overhead_ms(), 0.23, 1e-9);
  EXPECT_NEAR(handed->latency_ms(), cost->latency_ms() + 0.03, 1e-9);
}

TEST(EstimateCostTest, SaysWhatDominatesAndWhatWouldHelp) {
  LayerShape layer = Convolution(16, 16, 200);
  layer.activation = "Silu";
  const absl::StatusOr<v1::Cost> cost = EstimateAll({layer});
  ASSERT_THAT(cost, IsOk());
  EXPECT_THAT(cost->findings(), Contains(HasSubstr("of the time goes to DRAM")));
  EXPECT_THAT(cost->findings(), Contains(HasSubstr("do not fit on the chip")));
}

TEST(EstimateCostTest, TextSaysThatItIsAnEstimateAndHowFarOff) {
  const absl::StatusOr<v1::Cost> cost = EstimateAll({Convolution(8, 16, 10)});
  ASSERT_THAT(cost, IsOk());
  EXPECT_THAT(FormatCost(*cost), AllOf(HasSubstr("not a measurement"), HasSubstr("7 published"), HasSubstr("11 %"),
                                       HasSubstr("44 %"), HasSubstr("half")));
  EXPECT_THAT(FormatCostLayers(*cost), AllOf(HasSubstr("Conv"), HasSubstr("overhead")));
  EXPECT_THAT(FormatCostInShort(*cost),
              AllOf(HasSubstr(absl::StrCat("ms in mode ", cost->mode())), HasSubstr(" (shared)\nNot measured: of 7")));
  v1::Cost untested = *cost;
  untested.set_tested_latencies(0);
  EXPECT_THAT(FormatCost(untested), HasSubstr("nothing is published"));
}

}  // namespace
}  // namespace joinery::compiler
