// Each pass on small graphs: what it makes of them, that it finds nothing the second time, and that the numbers stay.
#include <memory>
#include <string>
#include <vector>

#include "compiler/frontend/eliminate_identity.h"
#include "compiler/frontend/fold_constants.h"
#include "compiler/frontend/fold_gemm_scale.h"
#include "compiler/frontend/fuse_batch_norm.h"
#include "compiler/frontend/fuse_gelu.h"
#include "compiler/frontend/fuse_hard_sigmoid.h"
#include "compiler/frontend/fuse_hard_swish.h"
#include "compiler/frontend/fuse_layer_norm.h"
#include "compiler/frontend/fuse_matmul_bias.h"
#include "compiler/frontend/fuse_pad.h"
#include "compiler/frontend/fuse_softmax.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/frontend/inline_if.h"
#include "compiler/frontend/merge_dimensions.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/frontend/verify_equivalence.h"
#include "compiler/ir/graph.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;

struct Case {
  std::string name;
  std::shared_ptr<const Pass> pass;
  std::string before;
  std::string after;  // Empty: as before.
  int rewrites;
  int opset = 13;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::string NameOf(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

class PassTest : public ::testing::TestWithParam<Case> {};

TEST_P(PassTest, RewritesAndKeepsMeaning) {
  const Case& c = GetParam();
  onnx::ModelProto before = ParseOnnxText(c.before, c.opset);
  ASSERT_THAT(InferShapes(before), IsOk());
  Graph graph(before);
  ASSERT_THAT(c.pass->Run(graph), IsOkAndHolds(c.rewrites));
  const std::string want = ToText(ParseOnnxText(c.after.empty() ? c.before : c.after, c.opset));
  EXPECT_EQ(ToText(graph.model()), want);
  ASSERT_THAT(InferShapes(graph.mutable_model()), IsOk());
  graph.Invalidate();

  ASSERT_OK_AND_ASSIGN(EquivalenceChecker checker, EquivalenceChecker::Create(before, graph.model(), 1));
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, RandomFeed(checker.inputs(), 1));
  EXPECT_THAT(checker.Check(feed), IsOk());

  EXPECT_THAT(c.pass->Run(graph), IsOkAndHolds(0));
  EXPECT_EQ(ToText(graph.model()), want);
}

std::vector<Case> FoldConstantsCases() {
  const auto pass = std::make_shared<FoldConstants>();
  return {
      {"ConstantBecomesInitializer", pass,
       "g (float[2] x) => (float[2] y) { c = Constant<value = float[2] {1, 2}>() y = Add(x, c) }",
       "g (float[2] x) => (float[2] y) <float[2] c = {1, 2}> { y = Add(x, c) }", 1},
      {"ConstantsOfNumbers", pass,
       "g (float[2] x) => (float[2] y) { a = Constant<value_float = 3.0>() b = Constant<value_floats = [1.0, 2.0]>() "
       "c = Add(x, a) y = Add(c, b) }",
       "g (float[2] x) => (float[2] y) <float a = {3}, float[2] b = {1, 2}> { c = Add(x, a) y = Add(c, b) }", 2},
      {"ShapeOfStaticTensor", pass, "g (float[2,3] x, float[6] z) => (float[2,3] y) { s = Shape(x) y = Reshape(z, s) }",
       "g (float[2,3] x, float[6] z) => (float[2,3] y) <int64[2] s = {2, 3}> { y = Reshape(z, s) }", 1},
      {"PartOfShape", pass,
       "g (float[2,3,4] x, float[4] z) => (float[n] y) { s = Shape<start = -1>(x) y = Expand(z, s) }",
       "g (float[2,3,4] x, float[4] z) => (float[n] y) <int64[1] s = {4}> { y = Expand(z, s) }", 1, 15},
      {"SizeOfStaticTensor", pass, "g (float[2,3] x, int64 z) => (int64 y) { s = Size(x) y = Add(z, s) }",
       "g (float[2,3] x, int64 z) => (int64 y) <int64 s = {6}> { y = Add(z, s) }", 1},
      {"ComputationOfConstants", pass,
       "g (float[2] x) => (float[2] y) <float[2] a = {1, 2}, float[2] b = {3, 5}> "
       "{ c = Mul(a, b) d = Neg(c) y = Add(x, d) }",
       "g (float[2] x) => (float[2] y) <float[2] d = {-3, -10}> { y = Add(x, d) }", 2},
      {"SharedConstantStaysForOthers", pass,
       "g (float[2] x) => (float[2] y) <float[2] a = {1, 2}> { b = Neg(a) c = Add(x, b) y = Mul(c, a) }",
       "g (float[2] x) => (float[2] y) <float[2] a = {1, 2}, float[2] b = {-1, -2}> { c = Add(x, b) y = Mul(c, a) }",
       1},
      {"WhatMakesAnOutputStays", pass,
       "g (float[2] x) => (float[2] y, float[2] z) <float[2] a = {1, 2}> { y = Neg(x) z = Neg(a) }", "", 0},
      {"TooLargeResultStays", pass,
       "g (float[1] x) => (float[n] y) <int64[1] s = {17000000}> { c = ConstantOfShape(s) d = Add(c, x) "
       "y = ReduceSum(d) }",
       "", 0},
      {"QuantizedWeightsStay", pass,
       "g (float[2] x) => (float[2] y) <int8[2] w = {1, 2}, float s = {0.5}> { c = DequantizeLinear(w, s) "
       "y = Add(x, c) }",
       "", 0},
      {"LoopStays", pass,
       "g (float[1] x) => (float[1] y) <int64 n = {2}, bool t = {1}, float[1] a = {0}> { "
       "b = Loop(n, t, a) <body = body (int64 i, bool c, float[1] p) => (bool d, float[1] q) "
       "{ d = Identity(c) q = Add(p, a) }> y = Add(x, b) }",
       "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(FoldConstants, PassTest, ::testing::ValuesIn(FoldConstantsCases()), NameOf);

std::vector<Case> InlineIfCases() {
  const auto pass = std::make_shared<InlineIf>();
  const std::string branches =
      "<then_branch = g1 () => (float[2] a) { a = Neg(x) }, else_branch = g2 () => (float[2] b) { c = Abs(x) b = "
      "Neg(c) "
      "}>";
  return {
      {"ThenBranch", pass, "g (float[2] x) => (float[2] y) <bool t = {1}> { z = If(t) " + branches + " y = Abs(z) }",
       "g (float[2] x) => (float[2] y) <bool t = {1}> { z = Neg(x) y = Abs(z) }", 1},
      {"ElseBranch", pass, "g (float[2] x) => (float[2] y) <bool t = {0}> { y = If(t) " + branches + " }",
       "g (float[2] x) => (float[2] y) <bool t = {0}> { c = Abs(x) y = Neg(c) }", 1},
      {"SameNamesInTwoIfs", pass,
       "g (float[2] x) => (float[2] y) <bool t = {0}> { u = If(t) " + branches + " v = If(t) " + branches +
           " y = Add(u, v) }",
       "g (float[2] x) => (float[2] y) <bool t = {0}> { c = Abs(x) u = Neg(c) c_1 = Abs(x) v = Neg(c_1) "
       "y = Add(u, v) }",
       2},
      {"UnknownConditionStays", pass, "g (float[2] x, bool t) => (float[2] y) { y = If(t) " + branches + " }", "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(InlineIf, PassTest, ::testing::ValuesIn(InlineIfCases()), NameOf);

std::vector<Case> EliminateIdentityCases() {
  const auto pass = std::make_shared<EliminateIdentity>();
  const std::string head = "g (float[1,2,3,4] x) => (float[1,2,3,4] y) ";
  const auto between = [&](const std::string& constants, const std::string& node) {
    return head + constants + " { a = Relu(x) b = " + node + " y = Neg(b) }";
  };
  const auto removed = [&](const std::string& constants) { return head + constants + " { a = Relu(x) y = Neg(a) }"; };
  return {
      {"Identity", pass, between("", "Identity(a)"), removed(""), 1},
      {"Dropout", pass, between("", "Dropout(a)"), removed(""), 1},
      {"CastToSameType", pass, between("", "Cast<to = 1>(a)"), removed(""), 1},
      {"TransposeInOrder", pass, between("", "Transpose<perm = [0, 1, 2, 3]>(a)"), removed(""), 1},
      {"ReshapeToSameShape", pass, between("<int64[4] s = {1, 2, 3, -1}>", "Reshape(a, s)"), removed(""), 1},
      {"PadByNothing", pass, between("<int64[8] p = {0, 0, 0, 0, 0, 0, 0, 0}>", "Pad(a, p)"), removed(""), 1},
      {"ConcatOfOne", pass, between("", "Concat<axis = 1>(a)"), removed(""), 1},
      {"SliceOfEverything", pass,
       between("<int64[1] s = {0}, int64[1] e = {100}, int64[1] d = {3}>", "Slice(a, s, e, d)"), removed(""), 1},
      {"ReversingSliceStays", pass,
       between("<int64[1] s = {-1}, int64[1] e = {-100}, int64[1] d = {3}, int64[1] t = {-1}>", "Slice(a, s, e, d, t)"),
       "", 0},
      {"AddZero", pass, between("<float z = {0}>", "Add(z, a)"), removed(""), 1},
      {"SubtractZero", pass, between("<float z = {0}>", "Sub(a, z)"), removed(""), 1},
      {"SubtractFromZeroStays", pass, between("<float z = {0}>", "Sub(z, a)"), "", 0},
      {"MultiplyByOne", pass, between("<float[2,1,1] z = {1, 1}>", "Mul(a, z)"), removed(""), 1},
      {"MultiplyByOthersStays", pass, between("<float[2,1,1] z = {1, 2}>", "Mul(a, z)"), "", 0},
      {"DivideByOne", pass, between("<float z = {1}>", "Div(a, z)"), removed(""), 1},
      {"BroadcastingAddZeroStays", pass,
       "g (float[1] x) => (float[3] y) <float[3] z = {0, 0, 0}> { a = Relu(x) b = Add(a, z) y = Neg(b) }", "", 0},
      {"TileByOnes", pass, between("<int64[4] r = {1, 1, 1, 1}>", "Tile(a, r)"), removed(""), 1},
      {"OutputKeepsItsName", pass, head + "{ a = Relu(x) y = Identity(a) }", head + "{ y = Relu(x) }", 1},
      {"RowOfIdentities", pass,
       head + "{ a = Identity(x) b = Identity(a) c = Relu(b) d = Identity(c) y = Identity(d) }",
       head + "{ y = Relu(x) }", 4},
      {"BetweenInputAndOutputStays", pass, head + "{ y = Identity(x) }", "", 0},
      {"BetweenTwoOutputsStays", pass, "g (float[2] x) => (float[2] y, float[2] z) { y = Relu(x) z = Identity(y) }", "",
       0},
      {"ReadByNestedGraph", pass,
       "g (float[2] x, bool t) => (float[2] y) { a = Relu(x) b = Identity(a) y = If(t) <then_branch = g1 () => "
       "(float[2] c) { c = Neg(b) }, else_branch = g2 () => (float[2] d) { d = Abs(b) }> }",
       "g (float[2] x, bool t) => (float[2] y) { a = Relu(x) y = If(t) <then_branch = g1 () => (float[2] c) "
       "{ c = Neg(a) }, else_branch = g2 () => (float[2] d) { d = Abs(a) }> }",
       1},
      {"TransposesAreJoined", pass,
       "g (float[2,3,4] x) => (float[4,2,3] y) { a = Transpose<perm = [0, 2, 1]>(x) y = Transpose<perm = [1, 0, 2]>(a) "
       "}",
       "g (float[2,3,4] x) => (float[4,2,3] y) { y = Transpose<perm = [2, 0, 1]>(x) }", 1},
      {"OppositeTransposesVanish", pass,
       head + "{ a = Transpose<perm = [0, 2, 3, 1]>(x) b = Transpose<perm = [0, 3, 1, 2]>(a) y = Neg(b) }",
       head + "{ y = Neg(x) }", 2},
  };
}
INSTANTIATE_TEST_SUITE_P(EliminateIdentity, PassTest, ::testing::ValuesIn(EliminateIdentityCases()), NameOf);

std::vector<Case> FuseBatchNormCases() {
  const auto pass = std::make_shared<FuseBatchNorm>();
  const std::string statistics =
      "float[2] gamma = {2, 4}, float[2] beta = {1, 0}, float[2] mean = {0.5, 1}, float[2] var = {3, 15}";
  const std::string norm = "BatchNormalization<epsilon = 1.0>";  // Scales by 1 and 1, shifts by 0.5 and -1.
  return {
      {"AfterConv", pass,
       "g (float[1,1,3,3] x) => (float[1,2,3,3] y) <float[2,1,1,1] w = {3, 5}, float[2] gamma = {4, 8}, "
       "float[2] beta = {1, 0}, float[2] mean = {0.5, 1}, float[2] var = {3, 15}> "
       "{ a = Conv(x, w) y = " +
           norm + "(a, gamma, beta, mean, var) }",
       "g (float[1,1,3,3] x) => (float[1,2,3,3] y) <float[2,1,1,1] w = {6, 10}, float[2] y_bias = {0, -2}> "
       "{ y = Conv(x, w, y_bias) }",
       1},
      {"AfterConvWithBias", pass,
       "g (float[1,1,3,3] x) => (float[1,2,3,3] y) <float[2,1,1,1] w = {3, 5}, float[2] b = {1, 2}, " + statistics +
           "> { a = Conv(x, w, b) y = " + norm + "(a, gamma, beta, mean, var) }",
       "g (float[1,1,3,3] x) => (float[1,2,3,3] y) <float[2,1,1,1] w = {3, 5}, float[2] b = {1.5, 1}> "
       "{ y = Conv(x, w, b) }",
       1},
      {"AfterGroupedConvTranspose", pass,
       "g (float[1,2,2,2] x) => (float[1,4,2,2] y) <float[2,2,1,1] w = {1, 2, 3, 4}, float[4,1,1] m = {2, 3, 4, 5}> "
       "{ a = ConvTranspose<group = 2>(x, w) y = Mul(a, m) }",
       "g (float[1,2,2,2] x) => (float[1,4,2,2] y) <float[2,2,1,1] w = {2, 6, 12, 20}, float[4] y_bias = {0, 0, 0, 0}> "
       "{ y = ConvTranspose<group = 2>(x, w, y_bias) }",
       1},
      {"AfterGemm", pass,
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2] b = {1, 1}, float[2] m = {2, 3}> "
       "{ a = Gemm<beta = 2.0>(x, w, b) y = Mul(a, m) }",
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {2, 6, 6, 12}, float[2] b = {4, 6}> "
       "{ y = Gemm<beta = 1.0>(x, w, b) }",
       1},
      {"AfterTransposedGemm", pass,
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2] m = {2, 3}> "
       "{ a = Gemm<transB = 1>(x, w) y = Mul(a, m) }",
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {2, 4, 9, 12}, float[2] y_bias = {0, 0}> "
       "{ y = Gemm<transB = 1>(x, w, y_bias) }",
       1},
      {"SpelledOut", pass,
       "g (float[1,1,2,2] x) => (float[1,2,2,2] y) <float[2,1,1,1] w = {1, 2}, float[1,2,1,1] m = {2, 3}, "
       "float[2,1,1] s = {4, 5}, float h = {2}> { a = Conv(x, w) b = Mul(m, a) c = Add(b, s) d = Sub(h, c) y = Div(d, "
       "h) }",
       "g (float[1,1,2,2] x) => (float[1,2,2,2] y) <float[2,1,1,1] w = {-1, -3}, float[2] y_bias = {-1, -1.5}> "
       "{ y = Conv(x, w, y_bias) }",
       4},
      {"SharedWeightsAreCopied", pass,
       "g (float[1,1,2,2] x) => (float[1,1,2,2] y) <float[1,1,1,1] w = {3}, float m = {2}> "
       "{ a = Conv(x, w) b = Mul(a, m) c = Conv(x, w) y = Mul(b, c) }",
       "g (float[1,1,2,2] x) => (float[1,1,2,2] y) <float[1,1,1,1] w = {3}, float[1,1,1,1] b_weight = {6}, "
       "float[1] b_bias = {0}> { b = Conv(x, b_weight, b_bias) c = Conv(x, w) y = Mul(b, c) }",
       1},
      {"AnotherReaderBlocksIt", pass,
       "g (float[1,1,2,2] x) => (float[1,1,2,2] y) <float[1,1,1,1] w = {3}, float m = {2}> "
       "{ a = Conv(x, w) b = Mul(a, m) y = Add(a, b) }",
       "", 0},
      {"OutputOfTheGraphBlocksIt", pass,
       "g (float[1,1,2,2] x) => (float[1,1,2,2] a, float[1,1,2,2] y) <float[1,1,1,1] w = {3}, float m = {2}> "
       "{ a = Conv(x, w) y = Mul(a, m) }",
       "", 0},
      {"ReluBetweenBlocksIt", pass,
       "g (float[1,1,2,2] x) => (float[1,1,2,2] y) <float[1,1,1,1] w = {3}, float m = {2}> "
       "{ a = Conv(x, w) b = Relu(a) y = Mul(b, m) }",
       "", 0},
      {"ConstantOfPositionsBlocksIt", pass,
       "g (float[1,1,2,2] x) => (float[1,1,2,2] y) <float[1,1,1,1] w = {3}, float[2] m = {2, 3}> "
       "{ a = Conv(x, w) y = Mul(a, m) }",
       "", 0},
      {"AloneBecomesDepthwiseConv", pass,
       "g (float[1,2,3,3] x) => (float[1,2,3,3] y) <" + statistics + "> { y = " + norm +
           "(x, gamma, beta, mean, var) }",
       "g (float[1,2,3,3] x) => (float[1,2,3,3] y) <float[2,1,1,1] y_weight = {1, 1}, float[2] y_bias = {0.5, -1}> "
       "{ y = Conv<group = 2, kernel_shape = [1, 1]>(x, y_weight, y_bias) }",
       1},
      {"AloneOnRowsBecomesMulAndAdd", pass,
       "g (float[3,2] x) => (float[3,2] y) <" + statistics + "> { y = " + norm + "(x, gamma, beta, mean, var) }",
       "g (float[3,2] x) => (float[3,2] y) <float[2] y_weight = {1, 1}, float[2] y_bias = {0.5, -1}> "
       "{ y_scaled = Mul(x, y_weight) y = Add(y_scaled, y_bias) }",
       1},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseBatchNorm, PassTest, ::testing::ValuesIn(FuseBatchNormCases()), NameOf);

std::vector<Case> FuseGemmAndPadCases() {
  const auto gemm = std::make_shared<FoldGemmScale>();
  const auto pad = std::make_shared<FusePad>();
  const std::string conv =
      "g (float[1,1,4,4] x) => (float[n,c,h,w0] y) <float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}";
  const std::string pool = "g (float[1,1,4,4] x) => (float[n,c,h,w0] y) <int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}>";
  return {
      {"GemmAlphaAndBeta", gemm,
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2] b = {1, 2}> "
       "{ y = Gemm<alpha = 2.0, beta = 3.0>(x, w, b) }",
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {2, 4, 6, 8}, float[2] b = {3, 6}> "
       "{ y = Gemm<alpha = 1.0, beta = 1.0>(x, w, b) }",
       2},
      {"GemmBiasOfOneValue", gemm,
       "g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}, float b = {5}> { y = Gemm(x, w, b) }",
       "g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2] b = {5, 5}> { y = Gemm(x, w, b) }",
       1},
      {"GemmBiasOfARow", gemm,
       "g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}, float[1,2] b = {5, 6}> { y = Gemm(x, w, b) }",
       "g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2] b = {5, 6}> { y = Gemm(x, w, b) }",
       1},
      {"GemmBiasOfAColumnStays", gemm,
       "g (float[2,3] x) => (float[2,2] y) <float[3,2] w = {1, 2, 3, 4, 5, 6}, float[2,1] b = {5, 6}> "
       "{ y = Gemm(x, w, b) }",
       "", 0},
      {"GemmOfInputsStays", gemm, "g (float[1,2] x, float[2,2] w) => (float[1,2] y) { y = Gemm<alpha = 2.0>(x, w) }",
       "", 0},
      {"SharedGemmWeights", gemm,
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}> { a = Gemm<alpha = 2.0>(x, w) "
       "y = Gemm(a, w) }",
       "g (float[1,2] x) => (float[1,2] y) <float[2,2] w = {1, 2, 3, 4}, float[2,2] a_alpha = {2, 4, 6, 8}> "
       "{ a = Gemm<alpha = 1.0>(x, a_alpha) y = Gemm(a, w) }",
       1},
      {"PadBeforeConv", pad, conv + ", int64[8] p = {0, 0, 0, 1, 0, 0, 2, 3}> { a = Pad(x, p) y = Conv(a, w) }",
       conv + "> { y = Conv<pads = [0, 1, 2, 3]>(x, w) }", 1},
      {"PadsAreAdded", pad,
       conv + ", int64[8] p = {0, 0, 0, 1, 0, 0, 2, 3}> { a = Pad(x, p) y = Conv<pads = [1, 1, 1, 1]>(a, w) }",
       conv + "> { y = Conv<pads = [1, 2, 3, 4]>(x, w) }", 1},
      {"PadWithAxes", pad,
       conv + ", int64[2] p = {1, 2}, float z = {0}, int64[1] d = {-1}> { a = Pad(x, p, z, d) y = Conv(a, w) }",
       conv + "> { y = Conv<pads = [0, 1, 0, 2]>(x, w) }", 1, 18},
      {"PadStaysForOthers", pad,
       "g (float[1,1,4,4] x) => (float[n,c,h,w0] y, float[n1,c1,h1,w1] z) <float[1,1,1,1] w = {2}, "
       "int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}> { z = Pad(x, p) y = Conv(z, w) }",
       "g (float[1,1,4,4] x) => (float[n,c,h,w0] y, float[n1,c1,h1,w1] z) <float[1,1,1,1] w = {2}, "
       "int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}> { z = Pad(x, p) y = Conv<pads = [1, 1, 1, 1]>(x, w) }",
       1},
      {"PadByOtherThanZeroStays", pad,
       conv + ", int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}, float v = {1}> { a = Pad(x, p, v) y = Conv(a, w) }", "", 0},
      {"ReflectingPadStays", pad,
       conv + ", int64[8] p = {0, 0, 1, 1, 0, 0, 1, 1}> { a = Pad<mode = \"reflect\">(x, p) y = Conv(a, w) }", "", 0},
      {"CroppingPadStays", pad, conv + ", int64[8] p = {0, 0, -1, 0, 0, 0, 0, 0}> { a = Pad(x, p) y = Conv(a, w) }", "",
       0},
      {"PadOfChannelsStays", pad,
       "g (float[1,1,4,4] x) => (float[n,c,h,w0] y) <float[1,2,1,1] w = {1, 2}, int64[8] p = {0, 1, 0, 0, 0, 0, 0, 0}> "
       "{ a = Pad(x, p) y = Conv(a, w) }",
       "", 0},
      {"PadBeforeAveragePool", pad, pool + " { a = Pad(x, p) y = AveragePool<kernel_shape = [2, 2]>(a) }",
       "g (float[1,1,4,4] x) => (float[n,c,h,w0] y) "
       "{ y = AveragePool<kernel_shape = [2, 2], pads = [1, 1, 1, 1], count_include_pad = 1>(x) }",
       1},
      {"PadBeforePaddedAveragePoolStays", pad,
       pool + " { a = Pad(x, p) y = AveragePool<kernel_shape = [3, 3], pads = [1, 1, 1, 1]>(a) }", "", 0},
      {"PadBeforeMaxPoolStays", pad, pool + " { a = Pad(x, p) y = MaxPool<kernel_shape = [2, 2]>(a) }", "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseGemmAndPad, PassTest, ::testing::ValuesIn(FuseGemmAndPadCases()), NameOf);

std::vector<Case> FuseSoftmaxCases() {
  const auto pass = std::make_shared<FuseSoftmax>();
  const std::string head = "g (float[2,3,4] x) => (float[2,3,4] y) ";
  const std::string shape = "<int64[3] s = {2, 3, 4}> ";
  return {
      {"OverTheLastDimension", pass,
       head + shape + "{ a = Flatten<axis = 2>(x) b = Softmax<axis = -1>(a) y = Reshape(b, s) }",
       head + "{ y = Softmax<axis = 2>(x) }", 1},
      {"OverOneLargeDimension", pass,
       "g (float[2,3,1,1] x) => (float[2,3,1,1] y) <int64[4] s = {2, 3, 1, 1}> "
       "{ a = Flatten(x) b = Softmax<axis = 1>(a) y = Reshape(b, s) }",
       "g (float[2,3,1,1] x) => (float[2,3,1,1] y) { y = Softmax<axis = 1>(x) }", 1},
      {"OverTwoDimensionsStays", pass,
       head + shape + "{ a = Flatten<axis = 1>(x) b = Softmax<axis = -1>(a) y = Reshape(b, s) }", "", 0},
      {"OverTheFirstDimensionStays", pass,
       head + shape + "{ a = Flatten<axis = 2>(x) b = Softmax<axis = 0>(a) y = Reshape(b, s) }", "", 0},
      {"AnotherReaderStays", pass,
       "g (float[2,3,4] x) => (float[2,3,4] y, float[6,4] z) <int64[3] s = {2, 3, 4}> "
       "{ a = Flatten<axis = 2>(x) b = Softmax<axis = -1>(a) y = Reshape(b, s) z = Neg(a) }",
       "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseSoftmax, PassTest, ::testing::ValuesIn(FuseSoftmaxCases()), NameOf);

std::vector<Case> MergeDimensionsCases() {
  const auto pass = std::make_shared<MergeDimensions>();
  const std::string head = "g (float[1,4,2,3] x) => (float[1,4,2,3] y) ";
  const std::string shapes = "<int64[5] five = {1, 2, 2, 2, 3}, int64[4] four = {1, 4, 2, 3}> ";
  return {
      {"AChannelShuffle", pass,
       head + shapes + "{ a = Reshape(x, five) b = Transpose<perm = [0,2,1,3,4]>(a) y = Reshape(b, four) }",
       head + "<int64[4] four = {1, 4, 2, 3}, int64[4] a_shape = {1, 2, 2, 6}> "
              "{ a_merged = Reshape(x, a_shape) b_merged = Transpose<perm = [0,2,1,3]>(a_merged) "
              "y = Reshape(b_merged, four) }",
       1},
      {"BlocksOfSpace", pass,
       "g (float[1,8,2,2] x) => (float[1,2,4,4] y) <int64[6] s = {1, 2, 2, 2, 2, 2}, int64[4] t = {1, 2, 4, 4}> "
       "{ a = Reshape(x, s) b = Transpose<perm = [0,1,4,2,5,3]>(a) y = Reshape(b, t) }",
       "", 0},
      {"WithoutABatch", pass,
       "g (float[6,4] x) => (float[4,6] y) <int64[5] s = {2, 3, 1, 2, 2}, int64[2] t = {4, 6}> "
       "{ a = Reshape(x, s) b = Transpose<perm = [3,4,0,2,1]>(a) y = Reshape(b, t) }",
       "g (float[6,4] x) => (float[4,6] y) <int64[2] t = {4, 6}, int64[2] a_shape = {6, 4}> "
       "{ a_merged = Reshape(x, a_shape) b_merged = Transpose<perm = [1,0]>(a_merged) y = Reshape(b_merged, t) }",
       1},
      {"FourDimensionsStay", pass,
       head + "<int64[4] s = {2, 2, 2, 3}, int64[4] t = {1, 4, 2, 3}> "
              "{ a = Reshape(x, s) b = Transpose<perm = [1,0,2,3]>(a) y = Reshape(b, t) }",
       "", 0},
      {"AReshapeThatCopiesADimensionStays", pass,
       head + "<int64[5] five = {1, 2, 2, 2, 3}, int64[4] four = {0, 4, 2, 3}> "
              "{ a = Reshape(x, five) b = Transpose<perm = [0,2,1,3,4]>(a) y = Reshape(b, four) }",
       "", 0},
      {"AnotherReaderStays", pass,
       "g (float[1,4,2,3] x) => (float[1,4,2,3] y, float[1,2,2,2,3] z) " + shapes +
           "{ a = Reshape(x, five) b = Transpose<perm = [0,2,1,3,4]>(a) y = Reshape(b, four) z = Neg(b) }",
       "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(MergeDimensions, PassTest, ::testing::ValuesIn(MergeDimensionsCases()), NameOf);

std::vector<Case> FuseHardSigmoidCases() {
  const auto pass = std::make_shared<FuseHardSigmoid>();
  const std::string head = "g (float[2,3] x) => (float[2,3] y) ";
  const std::string constants = "<float t = {3}, float z = {0}, float one = {1}, float s = {6}, float f = {0.125}> ";
  const std::string fused = head + "{ y = HardSigmoid<alpha = 0.16666667, beta = 0.5>(x) }";
  return {
      {"ClipThenDivide", pass, head + constants + "{ a = Add(x, t) b = Clip(a, z, s) y = Div(b, s) }", fused, 1},
      {"DivideThenClip", pass, head + constants + "{ a = Add(t, x) b = Div(a, s) y = Clip(b, z, one) }", fused, 1},
      {"ScaleThenClip", pass, head + constants + "{ a = Mul(x, f) b = Add(a, f) y = Clip(b, z, one) }",
       head + "{ y = HardSigmoid<alpha = 0.125, beta = 0.125>(x) }", 1},
      {"ShiftedByASubtraction", pass, head + constants + "{ a = Mul(x, f) b = Sub(one, a) y = Clip(b, z, one) }",
       head + "{ y = HardSigmoid<alpha = -0.125, beta = 1.0>(x) }", 1},
      {"ClipToAnotherRangeStays", pass, head + constants + "{ a = Add(x, t) b = Clip(a, z, t) y = Div(b, s) }", "", 0},
      {"ClipAloneStays", pass, head + constants + "{ a = Neg(x) y = Clip(a, z, one) }", "", 0},
      {"ReluStays", pass, head + constants + "{ a = Add(x, t) b = Relu(a) y = Div(b, s) }", "", 0},
      {"WhatOthersReadIsTheInput", pass,
       "g (float[2,3] x) => (float[2,3] y, float[2,3] a) " + constants +
           "{ a = Mul(x, f) b = Add(a, t) c = Clip(b, z, s) y = Div(c, s) }",
       "g (float[2,3] x) => (float[2,3] y, float[2,3] a) <float f = {0.125}> "
       "{ a = Mul(x, f) y = HardSigmoid<alpha = 0.16666667, beta = 0.5>(a) }",
       1},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseHardSigmoid, PassTest, ::testing::ValuesIn(FuseHardSigmoidCases()), NameOf);

// Raised from opset 13, which has no HardSwish.
std::vector<Case> FuseHardSwishCases() {
  const auto pass = std::make_shared<FuseHardSwish>();
  const std::string head = "g (float[2,3] x) => (float[2,3] y) ";
  const std::string gate =
      "<float t = {3}, float z = {0}, float[1] s = {6}, float r = {0.16666667}> { a = Add(x, t) b = Clip(a, z, s) ";
  const std::string fused = head + "{ y = HardSwish(x) }";
  return {
      {"ProductDivided", pass, head + gate + "c = Mul(x, b) y = Div(c, s) }", fused, 1},
      {"GateDivided", pass, head + gate + "c = Div(b, s) y = Mul(c, x) }", fused, 1},
      {"InputDivided", pass, head + gate + "c = Div(x, s) y = Mul(c, b) }", fused, 1},
      {"ProductScaled", pass, head + gate + "c = Mul(b, x) y = Mul(r, c) }", fused, 1},
      {"InputScaled", pass, head + gate + "c = Mul(x, r) y = Mul(b, c) }", fused, 1},
      {"ByHardSigmoid", pass, head + "{ a = HardSigmoid<alpha = 0.1666667, beta = 0.5>(x) y = Mul(x, a) }", fused, 1},
      {"AnotherHardSigmoidStays", pass, head + "{ a = HardSigmoid<alpha = 0.2, beta = 0.5>(x) y = Mul(x, a) }", "", 0},
      {"AnotherFactorStays", pass, head + gate + "c = Mul(x, b) y = Div(c, t) }", "", 0},
      {"GateOfAnotherTensorStays", pass,
       "g (float[2,3] x, float[2,3] u) => (float[2,3] y) " + gate + "c = Mul(u, b) y = Div(c, s) }", "", 0},
      {"WhatOthersReadStays", pass,
       "g (float[2,3] x) => (float[2,3] y, float[2,3] b) <float t = {3}, float z = {0}, float s = {6}> "
       "{ a = Add(x, t) b = Clip(a, z, s) c = Mul(x, b) y = Div(c, s) }",
       "g (float[2,3] x) => (float[2,3] y, float[2,3] b) <float t = {3}, float z = {0}, float s = {6}> "
       "{ a = Add(x, t) b = Clip(a, z, s) y = HardSwish(x) }",
       1},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseHardSwish, PassTest, ::testing::ValuesIn(FuseHardSwishCases()), NameOf);

// Raised from opset 13, which has no Gelu.
std::vector<Case> FuseGeluCases() {
  const auto pass = std::make_shared<FuseGelu>();
  const std::string head = "g (float[2,3] x) => (float[2,3] y) ";
  const std::string constants =
      "<float h = {0.5}, float one = {1}, float three = {3}, float r = {1.41421356}, float c = {0.044715}, "
      "float p = {0.79788456}> ";
  const std::string erf = head + constants + "{ a = Div(x, r) b = Erf(a) ";
  const std::string fused = head + "{ y = Gelu<approximate = \"none\">(x) }";
  const std::string fused_tanh = head + "{ y = Gelu<approximate = \"tanh\">(x) }";
  return {
      {"Erf", pass, erf + "d = Add(b, one) e = Mul(x, d) y = Mul(e, h) }", fused, 1},
      {"ErfHalfOfTheInput", pass, erf + "d = Add(one, b) e = Mul(h, x) y = Mul(e, d) }", fused, 1},
      {"ErfHalfOfTheSum", pass, erf + "d = Add(one, b) e = Mul(d, h) y = Mul(x, e) }", fused, 1},
      {"Tanh", pass,
       head + constants +
           "{ a = Pow(x, three) b = Mul(a, c) d = Add(x, b) e = Mul(d, p) f = Tanh(e) g1 = Add(f, one) "
           "i = Mul(x, h) y = Mul(i, g1) }",
       fused_tanh, 1},
      {"TanhOfProducts", pass,
       head + constants +
           "{ a = Mul(x, x) b = Mul(a, c) d = Add(one, b) k = Mul(p, x) e = Mul(d, k) f = Tanh(e) g1 = Add(f, one) "
           "i = Mul(x, h) y = Mul(i, g1) }",
       fused_tanh, 1},
      {"AnotherErfStays", pass, head + constants + "{ b = Erf(x) d = Add(b, one) e = Mul(x, d) y = Mul(e, h) }", "", 0},
      {"WithoutTheHalfStays", pass, erf + "d = Add(b, one) y = Mul(x, d) }", "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseGelu, PassTest, ::testing::ValuesIn(FuseGeluCases()), NameOf);

// Raised from opset 13, which has no LayerNormalization.
std::vector<Case> FuseLayerNormCases() {
  const auto pass = std::make_shared<FuseLayerNorm>();
  const std::string head = "g (float[2,3] x) => (float[2,3] y) ";
  const std::string constants =
      "<float two = {2}, float e = {0.001}, float[3] w = {1, 2, 3}, float[1,3] v = {4, 5, 6}> ";
  const std::string mean = "{ m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) ";
  const std::string norm = mean + "q = Pow(d, two) n = ReduceMean<axes = [1]>(q) s = Add(n, e) r = Sqrt(s) ";
  const std::string attributes = "LayerNormalization<axis = 1, epsilon = 0.001>";
  return {
      {"WithScaleAndBias", pass, head + constants + norm + "f = Div(d, r) k = Mul(f, w) y = Add(k, v) }",
       head + "<float[3] y_scale = {1, 2, 3}, float[3] y_bias = {4, 5, 6}> { y = " + attributes +
           "(x, y_scale, y_bias) }",
       1},
      {"WithoutBias", pass, head + constants + norm + "f = Div(d, r) y = Mul(w, f) }",
       head + "<float[3] y_scale = {1, 2, 3}> { y = " + attributes + "(x, y_scale) }", 1},
      {"Alone", pass, head + constants + norm + "y = Div(d, r) }",
       head + "<float[3] y_scale = {1, 1, 1}> { y = " + attributes + "(x, y_scale) }", 1},
      {"SquareAsAProduct", pass,
       head + constants + mean +
           "q = Mul(d, d) n = ReduceMean<axes = [-1]>(q) s = Add(e, n) r = Sqrt(s) i = Reciprocal(r) y = Mul(d, i) }",
       head + "<float[3] y_scale = {1, 1, 1}> { y = " + attributes + "(x, y_scale) }", 1},
      {"OverOtherDimensionsStays", pass,
       head + constants +
           "{ m = ReduceMean<axes = [0]>(x) d = Sub(x, m) q = Pow(d, two) n = ReduceMean<axes = [0]>(q) s = Add(n, e) "
           "r = Sqrt(s) y = Div(d, r) }",
       "", 0},
      {"MeansOverDifferentDimensionsStay", pass,
       head + constants + mean +
           "q = Pow(d, two) n = ReduceMean<axes = [0, 1]>(q) s = Add(n, e) r = Sqrt(s) "
           "y = Div(d, r) }",
       "", 0},
      {"OfAnotherTensorStays", pass,
       "g (float[2,3] x, float[2,3] u) => (float[2,3] y) " + constants + norm + "y = Div(u, r) }", "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseLayerNorm, PassTest, ::testing::ValuesIn(FuseLayerNormCases()), NameOf);

std::vector<Case> FuseMatMulBiasCases() {
  const auto pass = std::make_shared<FuseMatMulBias>();
  const std::string weights = "<float[2,3] w = {1, 2, 3, 4, 5, 6}, float[3] b = {7, 8, 9}";
  return {
      {"OfRows", pass, "g (float[4,2] x) => (float[4,3] y) " + weights + "> { a = MatMul(x, w) y = Add(b, a) }",
       "g (float[4,2] x) => (float[4,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}, float[3] y_bias = {7, 8, 9}> "
       "{ y = Gemm(x, w, y_bias) }",
       1},
      {"OfMoreDimensions", pass,
       "g (float[2,2,2] x) => (float[2,2,3] y) " + weights + "> { a = MatMul(x, w) y = Add(a, b) }",
       "g (float[2,2,2] x) => (float[2,2,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}, float[3] y_bias = {7, 8, 9}, "
       "int64[2] x_rows_shape = {4, 2}, int64[3] y_shape = {2, 2, 3}> "
       "{ x_rows = Reshape(x, x_rows_shape) y_rows = Gemm(x_rows, w, y_bias) y = Reshape(y_rows, y_shape) }",
       1},
      {"BiasOfRowsStays", pass,
       "g (float[3,2] x) => (float[3,3] y) <float[2,3] w = {1, 2, 3, 4, 5, 6}, float[3,1] b = {7, 8, 9}> "
       "{ a = MatMul(x, w) y = Add(a, b) }",
       "", 0},
      {"AnotherReaderStays", pass,
       "g (float[4,2] x) => (float[4,3] y, float[4,3] z) " + weights +
           "> { a = MatMul(x, w) y = Add(a, b) z = Neg(a) }",
       "", 0},
  };
}
INSTANTIATE_TEST_SUITE_P(FuseMatMulBias, PassTest, ::testing::ValuesIn(FuseMatMulBiasCases()), NameOf);

}  // namespace
}  // namespace joinery::compiler
