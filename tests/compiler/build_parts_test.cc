// Parts, from the build to models of their own.
#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "compiler/backend/joint_file.h"
#include "compiler/backend/parts.h"
#include "compiler/build.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "tests/compiler/calibration/builders.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::TemporaryFolder;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kConfiguration[] = R"(
    target_hardware: TARGET_HARDWARE_AX620
    src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
    dst_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
    neuwizard_conf { operator_conf { input_conf_items { attributes {
      input_modifications { affine_preprocess { slope: 1 slope_divisor: 255 } } } } } })";

constexpr char kTail[] = R"(g (float[1,3,8,8] image) => (float[1,4,8,8] scores)
    <float[4,3,1,1] w = {0.5,-0.3,0.1,0.8,0.2,-0.4,0.6,-0.7,0.3,0.2,0.9,-0.5}> {
      c = Conv(image, w)
      r = Relu(c)
      scores = Softmax <axis = 1> (r) })";

class Recorder : public BuildListener {
 public:
  void OnProgress(const v1::Progress& progress) override {
    EXPECT_LE(progress.stage_index(), progress.stage_count());
    last = progress;
  }
  void OnLog(v1::LogLevel /*level*/, absl::string_view text) override { log.emplace_back(text); }

  v1::Progress last;
  std::vector<std::string> log;
};

v1::Target TargetOf(const std::string& hardware, const std::string& mode) {
  v1::Target target;
  target.set_hardware(hardware);
  target.set_virtual_npu(mode);
  return target;
}

class BuildPartsTest : public ::testing::Test {
 protected:
  BuildPartsTest() {
    mkdir((folder_ / "photos").c_str(), 0755);
    for (const int size : {8, 9, 12}) Write(absl::StrCat("photos/", size, ".png"), EncodePng(Gradient(size, 8, 3)));
    arguments_.model_path = folder_ / "m.onnx";
    arguments_.calibration_path = folder_ / "photos";
    arguments_.output_path = folder_ / "m.joint";
    v1::pulsar::PulsarConfiguration configuration;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kConfiguration, &configuration));
    arguments_.configuration = configuration;
  }

  void Write(const std::string& name, const std::string& bytes) {
    ASSERT_THAT(base::WriteFileAtomically(folder_ / name, bytes), IsOk());
  }
  void WriteModel(const std::string& text) { Write("m.onnx", ParseOnnxText(text).SerializeAsString()); }

  TemporaryFolder folder_;
  BuildArguments arguments_;
  Recorder recorder_;
};

using Tensors = std::unordered_map<std::string, Tensor>;

void RunModel(const onnx::ModelProto& model, const ExecutorOptions& options, Tensors& tensors) {
  ASSERT_OK_AND_ASSIGN(const auto executor, LoadOnnxRuntime(model, options));
  std::vector<Tensor> feed;
  for (const TensorSpec& input : executor->inputs()) feed.push_back(tensors.at(input.name));
  ASSERT_OK_AND_ASSIGN(std::vector<Tensor> made, RunToTensors(*executor, feed));
  for (size_t i = 0; i < made.size(); ++i) {
    tensors.insert_or_assign(executor->outputs()[i].name, std::move(made[i]));
  }
}

// That the parts, one after the other, make what the whole makes, bit for bit.
void ExpectPartsComputeTheWhole(const onnx::ModelProto& model, const ExecutorOptions& options, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint8_t> pixels(8 * 8 * 3);
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(random() % 256);
  const Tensor image = MakeTensor<uint8_t>(onnx::TensorProto::UINT8, {1, 8, 8, 3}, pixels);
  Tensors whole = {{"image", image}};
  Tensors split = {{"image", image}};
  RunModel(model, options, whole);
  Graph graph(model);
  for (const PartTensors& part : PartsOf(graph)) {
    ASSERT_OK_AND_ASSIGN(const onnx::ModelProto extracted, ExtractPart(model, part.name));
    RunModel(extracted, options, split);
  }
  for (const auto& [name, tensor] : whole) EXPECT_EQ(split.at(name).bytes, tensor.bytes) << name;
}

TEST_F(BuildPartsTest, ATailOnTheCpuIsToldAndStaysFloat) {
  WriteModel(kTail);
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, recorder_));
  ASSERT_OK_AND_ASSIGN(const Joint joint, ReadJoint(arguments_.output_path));
  ASSERT_THAT(joint.manifest.parts(), SizeIs(2));
  const v1::Part& npu = joint.manifest.parts(0);
  const v1::Part& cpu = joint.manifest.parts(1);
  EXPECT_EQ(npu.name(), "npu:0");
  EXPECT_EQ(npu.device(), "NPU");
  EXPECT_EQ(npu.inputs(0).element_type(), "uint8");
  ASSERT_THAT(npu.outputs(), SizeIs(1));
  EXPECT_EQ(npu.outputs(0).name(), "r");
  EXPECT_THAT(npu.outputs(0).shape(), ElementsAre(1, 4, 8, 8));
  EXPECT_EQ(cpu.device(), "CPU");
  EXPECT_EQ(cpu.nodes(), 1);
  EXPECT_EQ(cpu.inputs(0).name(), "r");
  EXPECT_EQ(cpu.outputs(0).name(), "scores");
  ASSERT_THAT(joint.manifest.float_nodes(), SizeIs(1));
  EXPECT_EQ(joint.manifest.float_nodes(0).op_type(), "Softmax");
  EXPECT_EQ(report.manifest().configuration().target().virtual_npu(), "AUTO");
  ExpectPartsComputeTheWhole(joint.model, {}, 1);
}

TEST_F(BuildPartsTest, ACutThatIsAskedForIsWhereThePartsMeet) {
  WriteModel(kTail);
  QuantizationOverrides overrides;
  overrides.cut_tensors = {"c"};
  ASSERT_THAT(ApplyOverrides(overrides, arguments_.configuration), IsOk());
  ASSERT_THAT(Build(arguments_, recorder_), IsOk());
  ASSERT_OK_AND_ASSIGN(const Joint joint, ReadJoint(arguments_.output_path));
  ASSERT_THAT(joint.manifest.parts(), SizeIs(2));
  EXPECT_EQ(joint.manifest.parts(0).outputs(0).name(), "c");
  EXPECT_THAT(joint.manifest.configuration().target().cut_tensors(), ElementsAre("c"));
  ExpectPartsComputeTheWhole(joint.model, {}, 2);
}

TEST_F(BuildPartsTest, ACutThatIsNoTensorIsAnInvalidConfiguration) {
  WriteModel(kTail);
  QuantizationOverrides overrides;
  overrides.cut_tensors = {"elsewhere"};
  ASSERT_THAT(ApplyOverrides(overrides, arguments_.configuration), IsOk());
  const v1::Failure failure = ToFailure(Build(arguments_, recorder_).status());
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_CONFIG);
  EXPECT_THAT(failure.message(), HasSubstr("elsewhere"));
}

// Layers, what moves values, and LRN and CumSum, which no chip runs.
std::string MakeRandomNetwork(int size, std::mt19937& random) {
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  std::string nodes = "t0 = Conv <pads = [1, 1, 1, 1]> (image, first) ";
  std::vector<bool> is_read = {false};
  const auto pick = [&] {
    const int chosen = std::max(0, static_cast<int>(is_read.size()) - 1 - below(3));
    is_read[static_cast<size_t>(chosen)] = true;
    return absl::StrCat("t", chosen);
  };
  for (int i = 1; i < size; ++i) {
    const std::string made = absl::StrCat("t", i);
    std::string node;
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        node = absl::StrCat("Conv <pads = [1, 1, 1, 1]> (", pick(), ", w)");
        break;
      case 3:
        node = absl::StrCat("Relu(", pick(), ")");
        break;
      case 4:
        node = absl::StrCat("Add(", pick(), ", ", pick(), ")");
        break;
      case 5:
        node = absl::StrCat("LRN <size = 3> (", pick(), ")");
        break;
      case 6:
        node = absl::StrCat("Transpose <perm = [0, 1, 3, 2]> (", pick(), ")");
        break;
      default:
        node = absl::StrCat("MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (", pick(), ")");
    }
    absl::StrAppend(&nodes, made, " = ", node, " ");
    is_read.push_back(false);
  }
  std::string outputs;
  for (size_t i = 0; i < is_read.size(); ++i) {
    if (!is_read[i]) absl::StrAppend(&outputs, outputs.empty() ? "" : ", ", "float[1,4,8,8] t", i);
  }
  const auto weights = [&](int count) {
    std::string values;
    for (int i = 0; i < count; ++i) absl::StrAppend(&values, i == 0 ? "" : ",", 0.02 * (below(40) - 19));
    return values;
  };
  return absl::StrCat("g (float[1,3,8,8] image) => (", outputs, ") <float[4,3,3,3] first = {", weights(4 * 3 * 9),
                      "}, float[4,4,3,3] w = {", weights(4 * 4 * 9), "}> {", nodes, "}");
}

TEST_F(BuildPartsTest, PartsOfRandomNetworksComputeTheWhole) {
  std::mt19937 random(17);
  const Configuration plain = arguments_.configuration;
  int most_parts = 0;
  for (int round = 0; round < 12; ++round) {
    WriteModel(MakeRandomNetwork(4 + 2 * round, random));
    // A cut at the end asks for all on the NPU that can be there, however small.
    QuantizationOverrides overrides;
    if (round % 2 == 1) overrides.cut_tensors = {absl::StrCat("t", 3 + 2 * round)};
    arguments_.configuration = plain;
    ASSERT_THAT(ApplyOverrides(overrides, arguments_.configuration), IsOk());
    ASSERT_THAT(Build(arguments_, recorder_), IsOk()) << round;
    ASSERT_OK_AND_ASSIGN(const Joint joint, ReadJoint(arguments_.output_path));
    int nodes = 0;
    for (const v1::Part& part : joint.manifest.parts()) nodes += part.nodes();
    EXPECT_EQ(nodes, joint.model.graph().node_size());
    most_parts = std::max(most_parts, joint.manifest.parts_size());
    ExpectPartsComputeTheWhole(joint.model, {.use_integers = false}, static_cast<unsigned>(round));
    // ONNX Runtime's own rewriting changes nothing either.
    ExpectPartsComputeTheWhole(joint.model, {}, static_cast<unsigned>(round));
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
  EXPECT_GE(most_parts, 4);
}

TEST_F(BuildPartsTest, SeveralTargetsAreWhatEachIsAlone) {
  WriteModel(kTail);
  const std::vector<v1::Target> targets = {TargetOf("AX630C", "NPU1"), TargetOf("AX630C", "NPU2"),
                                           TargetOf("ONNX_RUNTIME", "AUTO")};
  std::vector<std::string> alone;
  for (const v1::Target& target : targets) {
    arguments_.targets = {target};
    ASSERT_THAT(Build(arguments_, recorder_), IsOk());
    alone.push_back(*base::Sha256OfFile(arguments_.output_path));
  }
  EXPECT_EQ(std::filesystem::remove(arguments_.output_path), true);
  arguments_.targets = targets;
  arguments_.report_path = folder_ / "report.json";
  Recorder together;
  ASSERT_OK_AND_ASSIGN(const std::vector<v1::Report> reports, BuildForTargets(arguments_, together));
  ASSERT_THAT(reports, SizeIs(3));
  EXPECT_FALSE(std::filesystem::exists(arguments_.output_path));
  for (size_t i = 0; i < targets.size(); ++i) {
    const std::string path = PathForTarget(arguments_.output_path, targets[i]);
    EXPECT_EQ(*base::Sha256OfFile(path), alone[i]) << path;
    EXPECT_TRUE(std::filesystem::exists(PathForTarget(arguments_.report_path, targets[i])));
    EXPECT_EQ(reports[i].manifest().configuration().target().virtual_npu(), targets[i].virtual_npu());
  }
  EXPECT_EQ(std::count_if(together.log.begin(), together.log.end(),
                          [](const std::string& line) { return line.find("samples observed") != std::string::npos; }),
            1);
  // Import, simplify, calibrate, emit; and quantize and evaluate for each that differs.
  EXPECT_EQ(together.last.stage_count(), 8);
  EXPECT_EQ(together.last.stage_index(), 8);
}

TEST(PathForTargetTest, NamesChipAndMode) {
  EXPECT_EQ(PathForTarget("out.d/m.joint", TargetOf("AX630C", "NPU1")), "out.d/m.AX630C.NPU1.joint");
  EXPECT_EQ(PathForTarget("out.d/m", TargetOf("AX630C", "NPU1")), "out.d/m.AX630C.NPU1");
}

}  // namespace
}  // namespace joinery::compiler
