// What becomes of a model that was quantized elsewhere computes, to the bit, what that model does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/execution/executor.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/import_quantization.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/frontend/simplify.h"
#include "compiler/quantization/apply.h"
#include "compiler/quantization/take_imported.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

struct Case {
  std::string name;
  std::string model;
  int opset = 13;
};

std::vector<std::vector<float>> RunOnRandom(const onnx::ModelProto& model) {
  // Kernels for uint8 and int8 may round differently.
  const auto executor = LoadOnnxRuntime(model, {.optimize = false});
  EXPECT_THAT(executor, IsOk());
  std::vector<std::vector<float>> results;
  for (const uint32_t seed : {1U, 2U, 3U}) {
    const auto feed = RandomFeed((*executor)->inputs(), seed);
    const auto outputs = RunToTensors(**executor, *feed);
    EXPECT_THAT(outputs, IsOk());
    const absl::Span<const float> values = (*outputs)[0].values<float>();
    results.emplace_back(values.begin(), values.end());
  }
  return results;
}

class ImportedModelTest : public ::testing::TestWithParam<Case> {};

TEST_P(ImportedModelTest, ComputesTheSame) {
  const onnx::ModelProto model = ParseOnnxText(GetParam().model, GetParam().opset);
  ASSERT_OK_AND_ASSIGN(Imported imported, ImportModel(model, {}));
  Graph& graph = imported.graph;
  {
    const PinnedTensors pinned(graph, imported.quantization);
    ASSERT_THAT(Simplify(graph), IsOk());
  }
  std::vector<std::string> notes;
  QuantizationPlan plan = PlanQuantization(graph, {});
  FitPlan(imported.quantization, graph, plan, notes);
  Quantization quantization;
  quantization.activations.resize(plan.groups.size());
  quantization.linear.resize(plan.linear_nodes.size());
  ASSERT_THAT(TakeImported(imported.quantization, plan, graph, quantization, notes), IsOk());
  EXPECT_THAT(notes, Each(Not(HasSubstr("here"))));  // Nothing was completed.
  ASSERT_THAT(ApplyQuantization(graph, plan, quantization), IsOk());
  EXPECT_EQ(RunOnRandom(graph.model()), RunOnRandom(model));
}

INSTANTIATE_TEST_SUITE_P(, ImportedModelTest,
                         ::testing::ValuesIn<Case>({
                             {"AsOnnxRuntimeQuantizes", R"(g (float[1,2,4,4] x) => (float[1,2,2,2] y)
      <float xs = {0.03}, uint8 xz = {120}, int8[2,2,1,1] w = {-100, 50, 7, 127}, float[2] ws = {0.01, 0.02},
       int8[2] wz = {0, 0}, int32[2] b = {300, -700}, float[2] bs = {0.0003, 0.0006}, int32[2] bz = {0, 0},
       float rs = {0.012}, uint8 rz = {0}, float as = {0.02}, uint8 az = {60}> {
        xq = QuantizeLinear(x, xs, xz)  xd = DequantizeLinear(xq, xs, xz)
        wd = DequantizeLinear <axis = 0> (w, ws, wz)
        bd = DequantizeLinear <axis = 0> (b, bs, bz)
        r = Conv(xd, wd, bd)
        rq = QuantizeLinear(r, rs, rz)  rd = DequantizeLinear(rq, rs, rz)
        a = Add(rd, xd)
        aq = QuantizeLinear(a, as, az)  ad = DequantizeLinear(aq, as, az)
        p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (ad)
        pq = QuantizeLinear(p, as, az)  y = DequantizeLinear(pq, as, az) })"},
                             {"AsPyTorchTrains", R"(g (float[1,3] x) => (float[1,2] y)
      <float[2,3] w = {0.5, -0.3, 0.1, 0.8, 0.2, -0.2}, float[2] ws = {0.004, 0.0063}, int8[2] wz = {0, 0}> {
        xs = Constant <value = float {0.03}> ()  xz = Constant <value = uint8 {60}> ()
        high = Constant <value = uint8 {127}> ()
        xq = QuantizeLinear(x, xs, xz)  xk = Clip(xq, , high)  xd = DequantizeLinear(xk, xs, xz)
        k = Tanh(xd)
        ks = Constant <value = float {0.011}> ()
        kq = QuantizeLinear(k, ks, xz)  kk = Clip(kq, , high)  kd = DequantizeLinear(kk, ks, xz)
        wq = QuantizeLinear <axis = 0> (w, ws, wz)  wd = DequantizeLinear <axis = 0> (wq, ws, wz)
        c = Gemm <transB = 1> (kd, wd)
        cq = QuantizeLinear(c, xs, xz)  ck = Clip(cq, , high)  y = DequantizeLinear(ck, xs, xz) })"},
                             {"AsTensorFlowTrains", R"(g (float[1,4,4,2] x) => (float[1,3,4,4] y)
      <float xs = {0.03}, int8 xz = {-4}, float[1,1,2,3] w = {0.5, -0.3, 0.1, 0.8, 0.2, -0.2},
       float[3] ws = {0.0063, 0.0024, 0.0016}, int8[3] wz = {0, 0, 0}, float ys = {0.02}, int8 yz = {-128},
       float low = {0}, float high = {5.1}> {
        xq = QuantizeLinear(x, xs, xz)  xd = DequantizeLinear(xq, xs, xz)
        xt = Transpose <perm = [0,3,1,2]> (xd)
        wq = QuantizeLinear <axis = 3> (w, ws, wz)  wd = DequantizeLinear <axis = 3> (wq, ws, wz)
        wt = Transpose <perm = [3,2,0,1]> (wd)
        c = Conv(xt, wt)
        r = Clip(c, low, high)
        rq = QuantizeLinear(r, ys, yz)  y = DequantizeLinear(rq, ys, yz) })"},
                             {"ScalesThatDifferWhereValuesMove", R"(g (float[1,1,4,4] x) => (float[1,1,2,2] y)
      <float xs = {0.03}, uint8 xz = {120}, float ys = {0.017}, uint8 yz = {99}> {
        xq = QuantizeLinear(x, xs, xz)  xd = DequantizeLinear(xq, xs, xz)
        t = Tanh(xd)
        tq = QuantizeLinear(t, ys, yz)  td = DequantizeLinear(tq, ys, yz)
        p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (td)
        pq = QuantizeLinear(p, xs, xz)  y = DequantizeLinear(pq, xs, xz) })"},
                             {"SixteenBits", R"(g (float[1,3] x) => (float[1,3] y)
      <float s = {0.0002}, int16 z = {-77}> {
        xq = QuantizeLinear(x, s, z)  xd = DequantizeLinear(xq, s, z)
        t = Tanh(xd)
        tq = QuantizeLinear(t, s, z)  y = DequantizeLinear(tq, s, z) })",
                              21},
                         }),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace joinery::compiler
