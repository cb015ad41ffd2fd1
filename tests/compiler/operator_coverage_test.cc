// Each operator that networks for pictures, sound and text are made of, alone or spelled out: it keeps its meaning, and
// is 8-bit or says why not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "compiler/backend/joint_file.h"
#include "compiler/build.h"
#include "compiler/calibration/npy.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor_proto.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::TemporaryFolder;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr int kSamples = 6;
constexpr double kLeastCosine = 0.998;

struct Case {
  std::string name;
  // Inputs called w, w1, ... become constants with pseudo-random values.
  std::string model;
  // The operators that must be left, all of them 8-bit at their ends.
  std::vector<std::string> quantized;
  // The type of an operator that stays float, and words of the reason. Empty: none does.
  std::string stays_float = "";
  std::string reason = "";
  int opset = 13;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class SilentListener : public BuildListener {
 public:
  void OnProgress(const v1::Progress& /*progress*/) override {}
  void OnLog(v1::LogLevel /*level*/, absl::string_view /*text*/) override {}
};

std::vector<int64_t> ShapeOf(const onnx::ValueInfoProto& value) {
  std::vector<int64_t> shape;
  for (const auto& dimension : value.type().tensor_type().shape().dim()) shape.push_back(dimension.dim_value());
  return shape;
}

std::vector<float> RandomValues(const std::vector<int64_t>& shape, std::mt19937& random) {
  std::vector<float> values(static_cast<size_t>(NumElements(shape)));
  // No std::normal_distribution: it differs between libraries. A sum of twelve is near enough.
  for (float& value : values) {
    for (int i = 0; i < 12; ++i) value += static_cast<float>(random()) / 4294967296.0F;
    value -= 6.0F;
  }
  return values;
}

onnx::ModelProto MakeModel(const Case& c, std::mt19937& random) {
  onnx::ModelProto model = ParseOnnxText(c.model, c.opset);
  onnx::GraphProto* graph = model.mutable_graph();
  for (int i = graph->input_size() - 1; i >= 0; --i) {
    const onnx::ValueInfoProto& input = graph->input(i);
    if (!absl::StartsWith(input.name(), "w")) continue;
    const std::vector<int64_t> shape = ShapeOf(input);
    *graph->add_initializer() = FloatProto(input.name(), shape, RandomValues(shape, random));
    graph->mutable_input()->DeleteSubrange(i, 1);
  }
  return model;
}

class OperatorCoverageTest : public ::testing::TestWithParam<Case> {
 protected:
  void Write(const std::string& name, const std::string& bytes) {
    ASSERT_THAT(base::WriteFileAtomically(folder_ / name, bytes), IsOk());
  }

  // One folder for each input where there are several.
  void WriteSamples(const onnx::GraphProto& graph, std::mt19937& random) {
    for (const onnx::ValueInfoProto& input : graph.input()) {
      const std::string folder = graph.input_size() == 1 ? "samples" : absl::StrCat("samples/", input.name());
      std::filesystem::create_directories(folder_ / folder);
      for (int i = 0; i < kSamples; ++i) {
        const std::vector<int64_t> shape = ShapeOf(input);
        const Tensor tensor = MakeTensor<float>(onnx::TensorProto::FLOAT, shape, RandomValues(shape, random));
        Write(absl::StrCat(folder, "/", i, ".npy"), FormatNpy(tensor));
      }
    }
  }

  absl::StatusOr<v1::Report> BuildCase(const Case& c) {
    std::mt19937 random(1);
    const onnx::ModelProto model = MakeModel(c, random);
    Write("m.onnx", model.SerializeAsString());
    WriteSamples(model.graph(), random);
    BuildArguments arguments;
    arguments.model_path = folder_ / "m.onnx";
    arguments.calibration_path = folder_ / "samples";
    arguments.output_path = folder_ / "m.joint";
    SilentListener listener;
    return Build(arguments, listener);
  }

  TemporaryFolder folder_;
};

// The nodes of a .joint that read 8-bit numbers or write them.
bool TouchesQuantized(Graph& graph, const onnx::NodeProto& node) {
  for (const std::string& input : node.input()) {
    const onnx::NodeProto* producer = graph.Producer(input);
    if (producer != nullptr && producer->op_type() == "DequantizeLinear") return true;
  }
  for (const std::string& output : node.output()) {
    for (const onnx::NodeProto* reader : graph.Consumers(output)) {
      if (reader->op_type() == "QuantizeLinear") return true;
    }
  }
  return false;
}

TEST_P(OperatorCoverageTest, KeepsMeaningAndIsQuantizedOrSaysWhyNot) {
  const Case& c = GetParam();
  ASSERT_OK_AND_ASSIGN(const v1::Report report, BuildCase(c));
  for (const v1::OutputPrecision& output : report.manifest().precision().outputs()) {
    EXPECT_GT(output.cosine_min(), kLeastCosine) << output.name();
  }

  const auto& float_nodes = report.manifest().float_nodes();
  if (c.stays_float.empty()) {
    EXPECT_THAT(float_nodes, SizeIs(0)) << float_nodes[0].ShortDebugString();
  } else {
    ASSERT_GE(float_nodes.size(), 1);
    EXPECT_EQ(float_nodes[0].op_type(), c.stays_float);
    EXPECT_THAT(float_nodes[0].reason(), HasSubstr(c.reason));
  }

  ASSERT_OK_AND_ASSIGN(Joint joint, ReadJoint(folder_ / "m.joint"));
  Graph graph(std::move(joint.model));
  for (const std::string& op_type : c.quantized) {
    int count = 0;
    for (const onnx::NodeProto* node : graph.nodes()) {
      if (node->op_type() != op_type) continue;
      ++count;
      EXPECT_TRUE(TouchesQuantized(graph, *node)) << Describe(*node);
    }
    EXPECT_GT(count, 0) << op_type;
  }
}

std::string NameOf(const ::testing::TestParamInfo<Case>& test) { return test.param.name; }

std::vector<Case> Layers() {
  const std::string picture = "g (float[1,4,8,8] x, ";
  return {
      {"Conv", picture + "float[6,4,3,3] w, float[6] w1) => (float[n,c,h,v] z) { z = Conv(x, w, w1) }", {"Conv"}},
      {"ConvGrouped", picture + "float[6,2,3,3] w) => (float[n,c,h,v] z) { z = Conv<group = 2>(x, w) }", {"Conv"}},
      {"ConvDepthwise", picture + "float[4,1,3,3] w) => (float[n,c,h,v] z) { z = Conv<group = 4>(x, w) }", {"Conv"}},
      {"ConvDilated",
       picture + "float[6,4,3,3] w) => (float[n,c,h,v] z) { z = Conv<dilations = [2, 2], pads = [2, 2, 2, 2]>(x, w) }",
       {"Conv"}},
      {"ConvOneDimension",
       "g (float[1,4,32] x, float[6,4,5] w, float[6] w1) => (float[n,c,l] z) { z = Conv<strides = [2]>(x, w, w1) }",
       {"Conv"}},
      {"ConvAndRelu", picture + "float[6,4,3,3] w) => (float[n,c,h,v] z) { a = Conv(x, w) z = Relu(a) }", {"Conv"}},
      {"ConvTranspose",
       picture +
           "float[4,6,2,2] w, float[6] w1) => (float[n,c,h,v] z) { z = ConvTranspose<strides = [2, 2]>(x, w, w1) }",
       {"ConvTranspose"}},
      {"ConvTransposeGrouped",
       picture + "float[4,3,2,2] w) => (float[n,c,h,v] z) { z = ConvTranspose<strides = [2, 2], group = 2>(x, w) }",
       {"ConvTranspose"}},
      {"ConvTransposeOneDimension",
       "g (float[1,4,32] x, float[4,6,5] w) => (float[n,c,l] z) { z = ConvTranspose(x, w) }",
       {"ConvTranspose"}},
      {"Gemm", "g (float[2,16] x, float[16,8] w, float[8] w1) => (float[n,c] z) { z = Gemm(x, w, w1) }", {"Gemm"}},
      {"GemmScaled",
       "g (float[2,16] x, float[8,16] w, float[8] w1) => (float[n,c] z) "
       "{ z = Gemm<transB = 1, alpha = 0.5, beta = 2.0>(x, w, w1) }",
       {"Gemm"}},
      {"GemmOfATransposedInput",
       "g (float[16,2] x, float[16,8] w) => (float[n,c] z) { z = Gemm<transA = 1>(x, w) }",
       {},
       "Gemm",
       "transposed"},
      {"MatMul", "g (float[2,3,16] x, float[16,8] w) => (float[n,m,c] z) { z = MatMul(x, w) }", {"MatMul"}},
      {"MatMulWithBias",
       "g (float[2,3,16] x, float[16,8] w, float[8] w1) => (float[n,m,c] z) { a = MatMul(x, w) z = Add(a, w1) }",
       {"Gemm"}},
      {"MatMulOfBatchedWeights",
       "g (float[2,3,16] x, float[2,16,8] w) => (float[n,m,c] z) { z = MatMul(x, w) }",
       {"MatMul"}},
      {"MatMulOfWeightsOnTheLeft",
       "g (float[2,16,3] x, float[8,16] w) => (float[n,m,c] z) { z = MatMul(w, x) }",
       {"MatMul"}},
      {"MatMulOfActivations",
       "g (float[2,3,16] x, float[2,16,8] y) => (float[n,m,c] z) { z = MatMul(x, y) }",
       {"MatMul"}},
      {"LayerNormalization",
       "g (float[2,3,16] x, float[16] w, float[16] w1) => (float[n,m,c] z) { z = LayerNormalization(x, w, w1) }",
       {"LayerNormalization"},
       "",
       "",
       17},
      {"LayerNormalizationSpelledOut",
       "g (float[2,3,16] x, float[16] w, float[16] w1) => (float[n,m,c] z) <float two = {2}, float e = {0.00001}> { "
       "m = ReduceMean<axes = [-1]>(x) d = Sub(x, m) q = Pow(d, two) v = ReduceMean<axes = [-1]>(q) s = Add(v, e) "
       "r = Sqrt(s) k = Div(d, r) l = Mul(k, w) z = Add(l, w1) }",
       {"LayerNormalization"}},
      {"InstanceNormalization",
       picture + "float[4] w, float[4] w1) => (float[n,c,h,v] z) { z = InstanceNormalization(x, w, w1) }",
       {"InstanceNormalization"}},
      {"AveragePool",
       "g (float[1,4,8,8] x) => (float[n,c,h,v] z) { z = AveragePool<kernel_shape = [3, 3]>(x) }",
       {"AveragePool"}},
      {"GlobalAveragePool",
       "g (float[1,4,8,8] x) => (float[n,c,h,v] z) { z = GlobalAveragePool(x) }",
       {"GlobalAveragePool"}},
      {"ReduceMean",
       "g (float[1,4,8,8] x) => (float[n,c] z) { z = ReduceMean<axes = [2, 3], keepdims = 0>(x) }",
       {"ReduceMean"}},
      {"MaxPool",
       "g (float[1,4,8,8] x) => (float[n,c,h,v] z) { a = MaxPool<kernel_shape = [2, 2]>(x) z = Tanh(a) }",
       {"MaxPool"}},
      {"Softmax",
       "g (float[1,16] x, float[16,8] w) => (float[n,c] z) { a = Gemm(x, w) z = Softmax(a) }",
       {"Gemm"},
       "Softmax",
       "Softmax has no 8-bit form"},
  };
}
INSTANTIATE_TEST_SUITE_P(Layers, OperatorCoverageTest, ::testing::ValuesIn(Layers()), NameOf);

std::vector<Case> Arithmetic() {
  const std::string two = "g (float[1,4,8,8] x, float[1,4,8,8] y) => (float[n,c,h,v] z) ";
  const std::string constant = "g (float[1,4,8,8] x, float[4,1,1] w) => (float[n,c,h,v] z) ";
  const std::string scalar = "g (float[1,4,8,8] x) => (float[n,c,h,v] z) <float s = {2.5}> ";
  std::vector<Case> cases = {
      {"MulOfGates", "g (float[1,4,8,8] x, float[1,4,1,8] y) => (float[n,c,h,v] z) { z = Mul(x, y) }", {"Mul"}},
      {"DivOfActivations", two + "{ a = Sigmoid(y) z = Div(x, a) }", {}, "Div", "divisor"},
      {"DivByItsOwnFunction", scalar + "{ a = Abs(x) b = Add(a, s) z = Div(x, b) }", {"Div"}},
      {"ExpAlone", scalar + "{ a = Sigmoid(x) z = Exp(a) }", {"Sigmoid"}, "Exp", "no 8-bit form"},
  };
  for (const char* op : {"Add", "Mul", "Sub", "Div"}) {
    if (std::string(op) != "Div")
      cases.push_back({absl::StrCat(op, "OfActivations"), two + "{ z = " + op + "(x, y) }", {op}});
    cases.push_back({absl::StrCat(op, "OfAScalar"), scalar + "{ z = " + op + "(x, s) }", {op}});
  }
  for (const char* op : {"Add", "Mul", "Sub"}) {
    cases.push_back({absl::StrCat(op, "OfChannels"), constant + "{ z = " + op + "(x, w) }", {op}});
    cases.push_back({absl::StrCat(op, "FromAScalar"), scalar + "{ z = " + op + "(s, x) }", {op}});
  }
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Arithmetic, OperatorCoverageTest, ::testing::ValuesIn(Arithmetic()), NameOf);

std::vector<Case> Activations() {
  const std::string head = "g (float[1,4,8,8] x, float[4,4,1,1] w) => (float[n,c,h,v] z) ";
  const std::string constants =
      "<float zero = {0}, float one = {1}, float three = {3}, float six = {6}, float half = {0.5}, "
      "float root = {1.41421356}, float c = {0.044715}, float p = {0.79788456}> { x1 = Conv(x, w) ";
  const auto spelled = [&](const std::string& nodes) { return head + constants + nodes + " }"; };
  std::vector<Case> cases = {
      {"Relu6", spelled("z = Clip(x1, zero, six)"), {"Conv"}},
      {"PRelu",
       "g (float[1,4,8,8] x, float[4,4,1,1] w, float[4,1,1] w1) => (float[n,c,h,v] z) { x1 = Conv(x, w) "
       "z = PRelu(x1, w1) }",
       {"Conv", "PRelu"}},
      {"HardSwishSpelledOut",
       spelled("a = Add(x1, three) b = Clip(a, zero, six) d = Mul(x1, b) z = Div(d, six)"),
       {"Conv", "HardSwish"}},
      {"HardSwishOfHardSigmoid",
       spelled("a = HardSigmoid<alpha = 0.16666667>(x1) z = Mul(a, x1)"),
       {"Conv", "HardSwish"}},
      {"HardSigmoidSpelledOut",
       spelled("d = LeakyRelu(x1) a = Add(d, three) b = Clip(a, zero, six) z = Div(b, six)"),
       {"Conv", "LeakyRelu", "HardSigmoid"}},
      // The shift goes into the convolution, the Clip into its rounding.
      {"HardSigmoidBehindConv",
       spelled("a = Add(x1, three) b = Clip(a, zero, six) z = Div(b, six)"),
       {"Conv", "Clip", "Div"}},
      {"Swish", spelled("a = Sigmoid(x1) z = Mul(a, x1)"), {"Conv", "Sigmoid", "Mul"}},
      {"GeluSpelledOut",
       spelled("a = Div(x1, root) b = Erf(a) d = Add(b, one) e = Mul(x1, d) z = Mul(e, half)"),
       {"Conv", "Gelu"}},
      {"GeluOfTanhSpelledOut",
       spelled("a = Pow(x1, three) b = Mul(a, c) d = Add(x1, b) e = Mul(d, p) f = Tanh(e) h = Add(f, one) "
               "i = Mul(x1, half) z = Mul(i, h)"),
       {"Conv", "Gelu"}},
      {"Mish", spelled("a = Softplus(x1) b = Tanh(a) z = Mul(x1, b)"), {"Conv", "Mul"}},
  };
  for (const char* op : {"LeakyRelu", "HardSigmoid", "Tanh", "Elu", "Softplus"}) {
    cases.push_back({op, spelled(absl::StrCat("z = ", op, "(x1)")), {"Conv", op}});
  }
  cases.push_back({"Sigmoid", spelled("a = Sigmoid(x1) z = Add(a, a)"), {"Conv", "Sigmoid"}});
  cases.push_back({"SigmoidOfScores", spelled("z = Sigmoid(x1)"), {"Conv"}, "Sigmoid", "its results are outputs"});
  cases.push_back({"HardSwish", spelled("z = HardSwish(x1)"), {"Conv", "HardSwish"}, "", "", 14});
  cases.push_back({"Gelu", spelled("z = Gelu(x1)"), {"Conv", "Gelu"}, "", "", 20});
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Activations, OperatorCoverageTest, ::testing::ValuesIn(Activations()), NameOf);

// Each between two convolutions, so that its scale is given from one side and needed on the other.
std::vector<Case> Movers() {
  const auto between = [](const std::string& constants, const std::string& nodes) {
    return "g (float[1,4,8,8] x, float[4,4,1,1] w, float[4,4,1,1] w1) => (float[n,c,h,v] z) " + constants +
           " { a = Conv(x, w) " + nodes + " z = Conv(b, w1) }";
  };
  return {
      {"Transpose", between("", "b = Transpose<perm = [0, 1, 3, 2]>(a)"), {"Conv", "Transpose"}},
      {"Reshape", between("<int64[4] s = {1, 4, 4, 16}>", "b = Reshape(a, s)"), {"Conv", "Reshape"}},
      {"Slice",
       between("<int64[2] s = {0, 1}, int64[2] e = {8, 7}, int64[2] d = {2, 3}>", "b = Slice(a, s, e, d)"),
       {"Conv", "Slice"}},
      {"Split",
       "g (float[1,4,8,8] x, float[4,4,1,1] w, float[4,2,1,1] w1) => (float[n,c,h,v] z, float[n,c,h,v] y) "
       "{ a = Conv(x, w) b, d = Split<axis = 1>(a) z = Conv(b, w1) y = Conv(d, w1) }",
       {"Conv", "Split"}},
      {"Gather", between("<int64[4] i = {3, 1, 2, 0}>", "b = Gather<axis = 1>(a, i)"), {"Conv", "Gather"}},
      {"Resize", between("<float[4] s = {1, 1, 2, 2}>", "b = Resize<mode = \"linear\">(a, , s)"), {"Conv", "Resize"}},
      {"Pad",
       between("<int64[8] p = {0, 0, 1, 0, 0, 0, 2, 0}, float zero = {0}, int64[4] s = {1, 4, 8, 11}>",
               "d = Pad(a, p, zero) b = Sigmoid(d)"),
       {"Conv", "Pad"}},
      {"Concat",
       "g (float[1,4,8,8] x, float[4,4,1,1] w, float[4,4,1,1] w1, float[4,8,1,1] w2) => (float[n,c,h,v] z) "
       "{ a = Conv(x, w) d = Conv(x, w1) b = Concat<axis = 1>(a, d) z = Conv(b, w2) }",
       {"Conv", "Concat"}},
      {"DepthToSpace",
       "g (float[1,4,8,8] x, float[4,4,1,1] w, float[4,1,1,1] w1) => (float[n,c,h,v] z) "
       "{ a = Conv(x, w) b = DepthToSpace<blocksize = 2>(a) z = Conv(b, w1) }",
       {"Conv", "DepthToSpace"}},
  };
}
INSTANTIATE_TEST_SUITE_P(Movers, OperatorCoverageTest, ::testing::ValuesIn(Movers()), NameOf);

std::vector<Case> ControlFlow() {
  return {
      {"Loop",
       "g (float[1,4] x, float[4,4] w) => (float[m,n] z) <int64 n = {2}, bool t = {1}> { a = Gemm(x, w) "
       "z = Loop(n, t, a) <body = body (int64 i, bool c, float[1,4] p) => (bool d, float[1,4] q) "
       "{ d = Identity(c) [inner] q = Tanh(p) }> }",
       {"Gemm"},
       "Loop",
       "inner (Tanh)"},
      {"IfOfAnActivation",
       "g (float[1,4] x, float[4,4] w) => (float[1,4] z) <float zero = {0}> { a = Gemm(x, w) "
       "m = ReduceMax<keepdims = 0>(a) t = Greater(m, zero) z = If(t) "
       "<then_branch = g1 () => (float[1,4] q) { q = Neg(a) }, else_branch = g2 () => (float[1,4] r) { r = Abs(a) }> }",
       {"Gemm"},
       "Greater",
       "Greater has no 8-bit form"},
  };
}
INSTANTIATE_TEST_SUITE_P(ControlFlow, OperatorCoverageTest, ::testing::ValuesIn(ControlFlow()), NameOf);

}  // namespace
}  // namespace joinery::compiler
