#include "compiler/target/network_partition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/backend/parts.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/simplify.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

v1::Target TargetOf(const std::string& hardware, const std::string& mode = "") {
  v1::Target target;
  target.set_hardware(hardware);
  target.set_virtual_npu(mode);
  return target;
}

// A network whose constants are zeros: what they are does not matter here.
Graph MakeGraph(const std::string& outputs, const std::string& nodes) {
  onnx::ModelProto model = ParseOnnxText(absl::StrCat("g (float[1,8,64,64] x) => (", outputs, ") {", nodes, "}"));
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape) {
    int64_t size = 1;
    for (const int64_t dimension : shape) size *= dimension;
    *model.mutable_graph()->add_initializer() = ToProto(
        MakeTensor<float>(onnx::TensorProto::FLOAT, shape, std::vector<float>(static_cast<size_t>(size))), name);
  };
  add("w", {8, 8, 3, 3});
  add("anchors", {1, 8, 62, 62});
  absl::StatusOr<Imported> imported = ImportModel(std::move(model), {});
  EXPECT_TRUE(imported.ok()) << imported.status();
  return std::move(imported->graph);
}

// "npu:0(a b) cpu:0(c)", by what the nodes make.
std::string Divide(Graph& graph, const v1::Target& target, NetworkPartition* divided = nullptr,
                   const BitsOfNode& bits_of = {}) {
  std::vector<std::string> notes;
  absl::StatusOr<NetworkPartitioner> partitioner = NetworkPartitioner::Create(target, notes);
  EXPECT_TRUE(partitioner.ok()) << partitioner.status();
  absl::StatusOr<NetworkPartition> partition = partitioner->Divide(graph, {}, bits_of);
  EXPECT_TRUE(partition.ok()) << partition.status();
  std::vector<std::string> parts;
  for (size_t i = 0; i < partition->parts.size(); ++i) {
    std::vector<std::string> nodes;
    for (const onnx::NodeProto* node : graph.nodes()) {
      if (partition->part_of.at(MadeBy(*node)) == i) nodes.push_back(MadeBy(*node));
    }
    parts.push_back(absl::StrCat(partition->parts[i].name, "(", absl::StrJoin(nodes, " "), ")"));
  }
  if (divided != nullptr) *divided = *std::move(partition);
  return absl::StrJoin(parts, " ");
}

constexpr char kClassifier[] = "a = Conv(x, w) b = Relu(a) c = GlobalAveragePool(b) y = Flatten(c)";

TEST(NetworkPartitionTest, AClassifierIsAllOnTheNpu) {
  for (const char* chip : {"AX620A", "AX620E", "AX650", "AX630"}) {
    Graph graph = MakeGraph("float[1,8] y", kClassifier);
    EXPECT_EQ(Divide(graph, TargetOf(chip)), "npu:0(a b c y)") << chip;
  }
}

TEST(NetworkPartitionTest, WithoutAChipNothingIsDivided) {
  for (const char* chip : {"ONNX_RUNTIME", ""}) {
    Graph graph = MakeGraph("float[1,8] y", kClassifier);
    NetworkPartition partition;
    EXPECT_EQ(Divide(graph, TargetOf(chip), &partition), "");
    EXPECT_THAT(partition.on_cpu, IsEmpty());
  }
}

TEST(NetworkPartitionTest, ScoresAreMadeOnTheCpu) {
  Graph graph = MakeGraph("float[1,8,62,62] y", "a = Conv(x, w) b = Relu(a) y = Softmax <axis = 1> (b)");
  NetworkPartition partition;
  EXPECT_EQ(Divide(graph, TargetOf("AX650", "NPU3"), &partition), "npu:0(a b) cpu:0(y)");
  EXPECT_THAT(partition.on_cpu, ElementsAre(Pair("y", Not(IsEmpty()))));
}

TEST(NetworkPartitionTest, DecodingOfBoxesIsOnTheCpu) {
  Graph graph = MakeGraph("float[1,8,62,62] y", "a = Conv(x, w) b = Exp(a) y = Mul(b, anchors)");
  EXPECT_EQ(Divide(graph, TargetOf("AX620E", "NPU1")), "npu:0(a) cpu:0(b y)");
}

TEST(NetworkPartitionTest, AnOperatorThatTheChipLacksIsToldWithItsReason) {
  Graph graph = MakeGraph("float[1,8,62,62] y", "a = Conv(x, w) y = LRN <size = 3> (a)");
  NetworkPartition partition;
  EXPECT_EQ(Divide(graph, TargetOf("AX620E"), &partition), "npu:0(a) cpu:0(y)");
  EXPECT_THAT(partition.on_cpu, ElementsAre(Pair("y", AllOf(HasSubstr("runs on the CPU"), HasSubstr("LRN")))));
}

TEST(NetworkPartitionTest, ACutMovesWhatIsBehindIt) {
  Graph graph = MakeGraph("float[1,8] y", kClassifier);
  v1::Target target = TargetOf("AX650");
  target.add_cut_tensors("b");
  NetworkPartition partition;
  EXPECT_EQ(Divide(graph, target, &partition), "npu:0(a b) cpu:0(c y)");
  EXPECT_THAT(partition.on_cpu, Contains(Pair("y", HasSubstr("behind the cut at \"b\""))));
}

TEST(NetworkPartitionTest, ACutThatIsNoTensorIsAnError) {
  Graph graph = MakeGraph("float[1,8] y", kClassifier);
  v1::Target target = TargetOf("AX650");
  target.add_cut_tensors("nowhere");
  std::vector<std::string> notes;
  ASSERT_OK_AND_ASSIGN(const NetworkPartitioner partitioner, NetworkPartitioner::Create(target, notes));
  EXPECT_THAT(partitioner.Divide(graph, {}, {}).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nowhere")));
}

TEST(NetworkPartitionTest, AConvolutionLeftFloatIsOnTheCpu) {
  Graph graph = MakeGraph("float[1,8] y", kClassifier);
  const auto float_conv = [](const onnx::NodeProto& node) {
    return node.op_type() == "Conv" ? v1::LAYER_BITS_FLOAT : v1::LAYER_BITS_8;
  };
  NetworkPartition partition;
  Divide(graph, TargetOf("AX650"), &partition, float_conv);
  EXPECT_THAT(partition.on_cpu, Contains(Key("a")));
}

TEST(NetworkPartitionTest, AnUndescribedChipHasAStandIn) {
  std::vector<std::string> notes;
  ASSERT_OK_AND_ASSIGN(const NetworkPartitioner partitioner, NetworkPartitioner::Create(TargetOf("AX8860"), notes));
  EXPECT_TRUE(partitioner.has_npu());
  EXPECT_THAT(notes, ElementsAre(AllOf(HasSubstr("AX8860"), HasSubstr("AX650N"))));
}

TEST(NetworkPartitionTest, AChipThatNobodyKnowsIsAnError) {
  std::vector<std::string> notes;
  EXPECT_THAT(NetworkPartitioner::Create(TargetOf("AX1"), notes),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("AX1"), HasSubstr("AX630C"))));
}

// Conversions as ApplyQuantization adds them, for a tensor that two parts on the NPU and the CPU read.
TEST(NetworkPartitionTest, EachNpuPartConvertsItself) {
  Graph graph(ParseOnnxText(R"(g (float[4] x) => (float[4] z) <float s = {0.1}, uint8 o = {0}> {
      t = Relu(x)
      q = QuantizeLinear(t, s, o)
      d = DequantizeLinear(q, s, o)
      e = Exp(d)
      f = QuantizeLinear(e, s, o)
      g = DequantizeLinear(f, s, o)
      z = Add(g, d) })"));
  NetworkPartition partition;
  partition.parts = {{"npu:0", PartDevice::kNpu, 0}, {"cpu:0", PartDevice::kCpu, 0}, {"npu:1", PartDevice::kNpu, 0}};
  partition.part_of = {{"t", 0}, {"e", 1}, {"z", 2}};
  LabelParts(partition, graph);
  ASSERT_TRUE(LabelConversions(partition, graph).ok());
  const std::vector<PartTensors> parts = PartsOf(graph);
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_THAT(parts[0].outputs, ElementsAre("q", "d"));
  EXPECT_THAT(parts[1].inputs, ElementsAre("d"));
  EXPECT_THAT(parts[1].outputs, ElementsAre("e"));
  EXPECT_EQ(graph.Producer("e")->op_type(), "Max");
  EXPECT_THAT(parts[2].inputs, ElementsAre("q", "e"));
}

constexpr char kNpu[] = "npu:0";
constexpr char kTail[] = "npu:0 cpu:0";

struct RealCase {
  std::string model;
  std::vector<std::string> input_shapes;
  // Names of parts in their order, on the newer chips (AX620Q, AX630C, AX650N) and on the older (AX620A, AX630A).
  std::string newer;
  std::vector<std::string> older;
};

class RealNetworkPartitionTest : public ::testing::TestWithParam<RealCase> {};

Graph LoadSimplified(const std::string& name, const std::vector<std::string>& input_shapes) {
  absl::StatusOr<onnx::ModelProto> model =
      LoadModel(absl::StrCat(std::getenv("JOINERY_DATA"), "/models/", name, ".onnx"), ModelLimits());
  EXPECT_TRUE(model.ok()) << model.status();
  ImportOptions options;
  options.input_shapes = input_shapes;
  absl::StatusOr<Imported> imported = ImportModel(*std::move(model), options);
  EXPECT_TRUE(imported.ok()) << imported.status();
  EXPECT_TRUE(Simplify(imported->graph).ok());
  return std::move(imported->graph);
}

// Divided as a build does it.
NetworkPartition FitAndDivide(Graph& graph, const std::string& chip) {
  std::vector<std::string> notes;
  absl::StatusOr<NetworkPartitioner> partitioner = NetworkPartitioner::Create(TargetOf(chip), notes);
  EXPECT_TRUE(partitioner.ok()) << partitioner.status();
  EXPECT_TRUE(partitioner->Fit(graph, {}).ok());
  absl::StatusOr<NetworkPartition> partition = partitioner->Divide(graph, {}, {});
  EXPECT_TRUE(partition.ok()) << partition.status();
  return *std::move(partition);
}

std::string NamesOf(const NetworkPartition& partition) {
  return absl::StrJoin(partition.parts, " ", [](std::string* out, const NetworkPart& part) { out->append(part.name); });
}

TEST_P(RealNetworkPartitionTest, HasFewParts) {
  if (std::getenv("JOINERY_DATA") == nullptr) GTEST_SKIP() << "skipped: no JOINERY_DATA";
  const RealCase& c = GetParam();
  const std::vector<std::string> older = c.older.empty() ? std::vector<std::string>{c.newer, c.newer} : c.older;
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"AX620A", older[0]}, {"AX630A", older[1]}, {"AX630C", c.newer}, {"AX620Q", c.newer}, {"AX650N", c.newer}};
  for (const auto& [chip, parts] : expected) {
    Graph graph = LoadSimplified(c.model, c.input_shapes);
    EXPECT_EQ(NamesOf(FitAndDivide(graph, chip)), parts) << chip;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , RealNetworkPartitionTest,
    ::testing::ValuesIn<RealCase>(
        {{"mobilenetv2", {}, kNpu, {}},
         {"efficientnet_lite0", {}, kNpu, {}},
         {"mediapipe_face_landmark_192", {}, kNpu, {}},
         {"mlperf_mobilenetv1_025_vww", {}, kTail, {}},
         {"mlperf_resnet8_cifar10", {}, kTail, {}},
         {"face_RFB-320", {}, kTail, {}},
         {"face_RFB-320_without_postprocessing", {}, kTail, {}},
         {"yunet_n_320", {}, kTail, {}},
         {"nanodet_m_416", {}, kTail, {}},
         {"ppocrv4_det", {"x:1x3x320x320"}, kTail, {}},
         // The older chips list no LayerNormalization: the transformer blocks are one island, or two where what lies
         // between them is worth it.
         {"ppocrv4_rec", {"x:1x3x48x320"}, kTail, {"npu:0 cpu:0 npu:1 cpu:1", "npu:0 cpu:0 npu:1 cpu:1 npu:2 cpu:2"}}}),
    [](const auto& parameter) {
      std::string name = parameter.param.model;
      for (char& letter : name) letter = letter == '-' ? '_' : letter;
      return name;
    });

// The authors' own cut leaves both heads' Concat ("459", "460") on the NPU, and so must ours; it hands over no more.
TEST(RealFaceDetectorPartitionTest, CutsTheFaceDetectorNoEarlierThanItsAuthors) {
  if (std::getenv("JOINERY_DATA") == nullptr) GTEST_SKIP() << "skipped: no JOINERY_DATA";
  for (const char* chip : {"AX620A", "AX630A", "AX630C", "AX620Q", "AX650N"}) {
    Graph graph = LoadSimplified("face_RFB-320", {});
    NetworkPartition partition;
    Divide(graph, TargetOf(chip), &partition);
    EXPECT_EQ(partition.part_of.at("459"), 0U) << chip;
    EXPECT_EQ(partition.part_of.at("460"), 0U) << chip;
    LabelParts(partition, graph);
    const std::vector<PartTensors> parts = PartsOf(graph);
    ASSERT_EQ(parts.size(), 2U) << chip;
    EXPECT_EQ(parts[0].name, "npu:0");
    EXPECT_THAT(parts[1].outputs, ElementsAre("scores", "boxes")) << chip;
    int64_t elements = 0;
    for (const std::string& tensor : parts[0].outputs) {
      const std::vector<int64_t> shape = *graph.Shape(tensor);
      int64_t size = 1;
      for (const int64_t dimension : shape) size *= dimension;
      elements += size;
    }
    EXPECT_LE(elements, 4420 * (2 + 4)) << chip;
  }
}

}  // namespace
}  // namespace joinery::compiler
