// The whole way from a model and photos to the artifact, in one process.
#include "compiler/build.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/backend/joint_file.h"
#include "compiler/execution/run_on_device.h"
#include "compiler/failure.h"
#include "tests/compiler/calibration/builders.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/fake_gpu_driver.h"
#include "tests/testing/faulty_device.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;

constexpr char kModel[] = R"(g (float[1,3,4,4] image) => (float[1,2] scores)
    <float[2,3,1,1] w = {0.5,-0.3,0.1,0.8,0.2,-0.4}, float[2] b = {0.1,-0.2}> {
      c = Conv(image, w, b)
      r = Relu(c)
      p = GlobalAveragePool(r)
      scores = Flatten(p) })";

constexpr char kConfiguration[] = R"(
    target_hardware: TARGET_HARDWARE_AX620
    src_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
    dst_input_tensors { color_space: TENSOR_COLOR_SPACE_RGB }
    neuwizard_conf { operator_conf { input_conf_items { attributes {
      input_modifications { affine_preprocess { slope: 1 slope_divisor: 255 } } } } } })";

class Recorder : public BuildListener {
 public:
  void OnProgress(const v1::Progress& progress) override {
    if (stages.empty() || stages.back() != progress.stage()) stages.push_back(progress.stage());
    EXPECT_GE(progress.fraction(), 0);
    EXPECT_LE(progress.fraction(), 1);
    EXPECT_EQ(progress.stage_index(), static_cast<int>(stages.size()));
    EXPECT_EQ(progress.stage_count(), 6);
  }
  void OnLog(v1::LogLevel /*level*/, absl::string_view text) override { log.emplace_back(text); }

  std::vector<std::string> stages;
  std::vector<std::string> log;
};

class BuildTest : public ::testing::Test {
 protected:
  BuildTest() {
    mkdir((folder_ / "photos").c_str(), 0755);
    for (const char* name : {"photos/a.png", "photos/b.png"}) {
      Write(name, EncodePng(Gradient(name[7] == 'a' ? 4 : 9, 4, 3)));
    }
    Write("m.onnx", ParseOnnxText(kModel).SerializeAsString());
    arguments_.model_path = folder_ / "m.onnx";
    arguments_.calibration_path = folder_ / "photos";
    arguments_.output_path = folder_ / "m.joint";
    arguments_.report_path = folder_ / "report.json";
    arguments_.output_configuration_path = folder_ / "out.prototxt";
    v1::pulsar::PulsarConfiguration configuration;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kConfiguration, &configuration));
    arguments_.configuration = configuration;
  }

  void Write(const std::string& name, const std::string& bytes) {
    ASSERT_THAT(base::WriteFileAtomically(folder_ / name, bytes), IsOk());
  }

  bool Exists(const std::string& name) { return std::filesystem::exists(folder_ / name); }

  // Builds, expects a failure that leaves no file, and returns it.
  v1::Failure BuildFails() {
    const absl::StatusOr<v1::Report> report = Build(arguments_, recorder_);
    EXPECT_FALSE(report.ok());
    for (const char* name : {"m.joint", "report.json", "out.prototxt"}) EXPECT_FALSE(Exists(name)) << name;
    return ToFailure(report.status());
  }

  TemporaryFolder folder_;
  BuildArguments arguments_;
  Recorder recorder_;
};

TEST_F(BuildTest, F08_AGpuThatFailsOnTheWayLeavesWhatTheCpuMakes) {
  ASSERT_THAT(Build(arguments_, recorder_), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string on_cpu, base::ReadFile(arguments_.output_path, 1 << 20));
  testing::FakeGpuDriver driver(std::vector<gpu::Gpu>{testing::MakeGpu(0, 8)});
  int faults = 0;
  for (int step = 3; step < 1000; ++step) {
    std::filesystem::remove(arguments_.output_path);
    const DeviceSurroundings surroundings{.driver = driver, .make_device = [step](int, const std::string&) {
                                            return std::make_unique<testing::FaultyDevice>(
                                                step, "CUDA failure 2: out of memory ; GPU=0");
                                          }};
    std::vector<std::string> warnings;
    v1::Report report;
    ASSERT_THAT(RunOnDevice(
                    {}, surroundings, [&](absl::string_view warning) { warnings.emplace_back(warning); },
                    [&](Device* device) -> absl::Status {
                      Recorder recorder;
                      arguments_.device = device;
                      ASSIGN_OR_RETURN(report, Build(arguments_, recorder));
                      return absl::OkStatus();
                    }),
                IsOk());
    EXPECT_THAT(base::ReadFile(arguments_.output_path, 1 << 20), testing::IsOkAndHolds(on_cpu)) << "step " << step;
    EXPECT_EQ(report.device(), warnings.empty() ? "cuda:0 (stand-in)" : "cpu");
    if (warnings.empty()) break;
    ++faults;
  }
  // At each load and each run of the build it was tried.
  EXPECT_GT(faults, 5);
  EXPECT_LT(faults, 900);
}

TEST_F(BuildTest, WritesAnArtifactThatSaysWhatItIs) {
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, recorder_));
  EXPECT_THAT(recorder_.stages, ElementsAre("import", "simplify", "calibrate", "quantize", "evaluate", "emit"));
  EXPECT_THAT(recorder_.log, Contains(AllOf(HasSubstr("b.png"), HasSubstr("9x4"))));

  ASSERT_OK_AND_ASSIGN(const Joint joint, ReadJoint(arguments_.output_path));
  EXPECT_EQ(joint.manifest.model_digest(), *base::Sha256OfFile(arguments_.model_path));
  EXPECT_EQ(joint.manifest.calibration_set().samples(), 2);
  ASSERT_THAT(joint.manifest.inputs(), SizeIs(1));
  EXPECT_EQ(joint.manifest.inputs(0).name(), "image");
  EXPECT_THAT(joint.manifest.inputs(0).shape(), ElementsAre(1, 4, 4, 3));
  EXPECT_EQ(joint.manifest.inputs(0).element_type(), "uint8");
  EXPECT_EQ(joint.manifest.inputs(0).layout(), "NHWC");
  EXPECT_EQ(joint.manifest.inputs(0).color_space(), "RGB");
  ASSERT_THAT(joint.manifest.outputs(), SizeIs(1));
  EXPECT_EQ(joint.manifest.outputs(0).name(), "scores");
  EXPECT_GT(joint.manifest.precision().outputs(0).cosine_min(), 0.999);
  EXPECT_THAT(joint.manifest.float_nodes(), SizeIs(0));
  EXPECT_EQ(report.manifest().SerializeAsString(), joint.manifest.SerializeAsString());
  EXPECT_EQ(report.artifact_bytes(), static_cast<int64_t>(std::filesystem::file_size(arguments_.output_path)));
  EXPECT_TRUE(Exists("report.json"));
  EXPECT_TRUE(Exists("out.prototxt"));
}

TEST_F(BuildTest, TheSameInputsGiveTheSameBytesOnAnyNumberOfThreads) {
  ASSERT_THAT(Build(arguments_, recorder_), IsOk());
  arguments_.output_path = folder_ / "again.joint";
  arguments_.threads = 3;
  Recorder again;
  ASSERT_THAT(Build(arguments_, again), IsOk());
  EXPECT_EQ(*base::Sha256OfFile(folder_ / "m.joint"), *base::Sha256OfFile(folder_ / "again.joint"));
}

TEST_F(BuildTest, LayersHaveTheBitsThatTheCommandLineSays) {
  onnx::ModelProto model = ParseOnnxText(kModel);
  model.mutable_graph()->mutable_node(0)->set_name("Conv_0");
  Write("m.onnx", model.SerializeAsString());
  QuantizationOverrides overrides;
  overrides.layer_bits = {"Conv.*=float", "Gemm.*=16"};
  ASSERT_THAT(ApplyOverrides(overrides, arguments_.configuration), IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, recorder_));
  std::vector<std::string> left_float;
  for (const v1::FloatNode& node : report.manifest().float_nodes()) {
    left_float.push_back(node.name() + ": " + node.reason());
  }
  EXPECT_THAT(left_float, Contains("Conv_0: left float by configuration"));
  EXPECT_THAT(report.warnings(), Contains(HasSubstr("Gemm.*")));
}

TEST_F(BuildTest, FastLooksAtPartOfManySamples) {
  for (int i = 0; i < 60; ++i) Write(absl::StrCat("photos/more", i, ".png"), EncodePng(Gradient(4, 4, 3)));
  QuantizationOverrides overrides;
  overrides.preset = "fast";
  ASSERT_THAT(ApplyOverrides(overrides, arguments_.configuration), IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, recorder_));
  EXPECT_THAT(recorder_.log, Contains(HasSubstr("48 of 62 samples observed")));
  EXPECT_EQ(report.manifest().calibration_set().samples(), 62);
  EXPECT_EQ(report.manifest().configuration().quantization().observed_samples(), 48);
  EXPECT_EQ(report.manifest().precision().samples(), 4);
}

TEST_F(BuildTest, AccurateTellsWhatEachAlgorithmGained) {
  ASSERT_OK_AND_ASSIGN(const v1::Report balanced, Build(arguments_, recorder_));
  EXPECT_THAT(balanced.manifest().precision().gains(), SizeIs(0));
  QuantizationOverrides overrides;
  overrides.preset = "accurate";
  ASSERT_THAT(ApplyOverrides(overrides, arguments_.configuration), IsOk());
  Recorder again;
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, again));
  const auto& gains = report.manifest().precision().gains();
  std::vector<std::string> names;
  for (int i = 0; i < gains.size(); ++i) {
    names.push_back(gains[i].name());
    if (i == 0) continue;
    EXPECT_EQ(gains[i].before(), gains[i - 1].after()) << names.back();
  }
  EXPECT_THAT(names, IsSupersetOf({"choice of ranges", "bias correction", "rounding by the layer's output"}));
}

TEST_F(BuildTest, BiasesAreCorrectedLayerByLayerOnlyWhereOthersGain) {
  auto& own = *std::get<v1::pulsar::PulsarConfiguration>(arguments_.configuration).mutable_joinery_conf();
  own.set_bias_correction(v1::pulsar::JoineryConf::BIAS_CORRECTION_SEQUENTIAL);
  ASSERT_THAT(Build(arguments_, recorder_), IsOk());
  EXPECT_THAT(recorder_.log, Contains(HasSubstr("too few samples to tell")));
  for (int i = 0; i < 6; ++i) Write(absl::StrCat("photos/more", i, ".png"), EncodePng(Gradient(4 + i, 4, 3)));
  Recorder again;
  ASSERT_THAT(Build(arguments_, again), IsOk());
  EXPECT_THAT(again.log, Contains(HasSubstr("biases corrected layer by layer: ")));
}

TEST_F(BuildTest, AnUnreachableTargetIsToldWithTheCurve) {
  QuantizationOverrides overrides;
  overrides.target_sqnr_db = 100;
  ASSERT_THAT(ApplyOverrides(overrides, arguments_.configuration), IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, recorder_));
  EXPECT_THAT(report.warnings(), Contains(AllOf(HasSubstr("SQNR 100.00 dB"), HasSubstr("16 bits"))));
  EXPECT_GE(report.manifest().precision().trade_off_size(), 2);
}

TEST_F(BuildTest, EveryNodeSaysWhichPartRunsIt) {
  ASSERT_THAT(Build(arguments_, recorder_), IsOk());
  ASSERT_OK_AND_ASSIGN(const Joint joint, ReadJoint(arguments_.output_path));
  int on_npu = 0;
  for (const onnx::NodeProto& node : joint.model.graph().node()) {
    ASSERT_EQ(node.metadata_props_size(), 1) << node.name();
    EXPECT_EQ(node.metadata_props(0).key(), "joinery.part");
    const std::string& part = node.metadata_props(0).value();
    EXPECT_EQ(part, "npu:0") << node.op_type();
    ++on_npu;
  }
  ASSERT_THAT(joint.manifest.parts(), SizeIs(1));
  EXPECT_EQ(joint.manifest.parts(0).name(), "npu:0");
  EXPECT_EQ(joint.manifest.parts(0).nodes(), on_npu);
}

TEST_F(BuildTest, BytesOfACameraGoInAndBatchesOfWholeNumbersComeOut) {
  auto& pulsar = std::get<v1::pulsar::PulsarConfiguration>(arguments_.configuration);
  pulsar.mutable_dst_input_tensors(0)->set_color_space(v1::pulsar::TensorConf::TENSOR_COLOR_SPACE_NV12);
  pulsar.add_dst_output_tensors()->set_data_type(v1::pulsar::DataType::UINT8);
  pulsar.mutable_pulsar_conf()->add_batch_size(2);
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, recorder_));
  EXPECT_GT(report.manifest().precision().outputs(0).cosine_min(), 0.999);
  ASSERT_OK_AND_ASSIGN(const Joint joint, ReadJoint(arguments_.output_path));
  const v1::TensorInfo& input = joint.manifest.inputs(0);
  EXPECT_THAT(input.shape(), ElementsAre(2, 6, 4, 1));
  EXPECT_EQ(input.element_type(), "uint8");
  EXPECT_EQ(input.color_space(), "NV12");
  const v1::TensorInfo& output = joint.manifest.outputs(0);
  EXPECT_THAT(output.shape(), ElementsAre(2, 2));
  EXPECT_EQ(output.element_type(), "uint8");
  EXPECT_GT(output.scale(), 0);
}

TEST_F(BuildTest, ABatchThatTheNetworkCannotTakeIsInvalid) {
  Write("m.onnx", ParseOnnxText(R"(g (float[1,3,4,4] image) => (float[1,3,4,4] y) { y = Softmax <axis=0> (image) })")
                      .SerializeAsString());
  std::get<v1::pulsar::PulsarConfiguration>(arguments_.configuration).mutable_pulsar_conf()->add_batch_size(2);
  const v1::Failure failure = BuildFails();
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_CONFIG);
  EXPECT_THAT(failure.message(), AllOf(HasSubstr("\"y\""), HasSubstr("ask for batch size 1")));
}

TEST_F(BuildTest, TheModelIsEditedBeforeItIsRead) {
  v1::pulsar2::BuildConfig pulsar2;
  auto& constant = *pulsar2.add_const_processors();
  constant.set_name("b");
  for (const double value : {1000.0, 2000.0}) constant.add_data(value);
  arguments_.configuration = pulsar2;
  ASSERT_OK_AND_ASSIGN(const v1::Report edited, Build(arguments_, recorder_));
  EXPECT_EQ(edited.manifest().configuration().edits().constants_size(), 1);
  EXPECT_EQ(edited.manifest().model_digest(), *base::Sha256OfFile(arguments_.model_path));
  std::get<v1::pulsar2::BuildConfig>(arguments_.configuration).mutable_const_processors(0)->set_name("nothing");
  arguments_.output_path = folder_ / "again.joint";
  Recorder again;
  const v1::Failure failure = ToFailure(Build(arguments_, again).status());
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_CONFIG);
  EXPECT_THAT(failure.message(), HasSubstr("\"nothing\""));
}

TEST_F(BuildTest, InputsHaveSetsOfTheirOwn) {
  Write("m.onnx", ParseOnnxText(R"(g (float[1,3,4,4] image, float[1,1,1,1] gain) => (float[1,3,4,4] y)
                      <float[3,3,1,1] w = {0.5,-0.3,0.1,0.8,0.2,-0.4,1,0,0.5}> { c = Conv(image, w) y = Mul(c, gain) })")
                      .SerializeAsString());
  mkdir((folder_ / "gains").c_str(), 0755);
  // 0.5 and 2 as a file of float32.
  Write("gains/a.bin", std::string("\0\0\0\x3f", 4));
  Write("gains/b.bin", std::string("\0\0\0\x40", 4));
  auto& pulsar = std::get<v1::pulsar::PulsarConfiguration>(arguments_.configuration);
  pulsar.mutable_src_input_tensors(0)->set_tensor_name("image");
  pulsar.mutable_dst_input_tensors(0)->set_tensor_name("image");
  auto& items = *pulsar.mutable_neuwizard_conf()->mutable_operator_conf();
  items.mutable_input_conf_items(0)->mutable_selector()->set_op_name("image");
  v1::pulsar::TensorConf& gain = *pulsar.add_dst_input_tensors();
  gain.set_tensor_name("gain");
  gain.set_data_type(v1::pulsar::DataType::FLOAT32);
  arguments_.input_calibration = {{"image", folder_ / "photos"}, {"gain", folder_ / "gains"}};
  ASSERT_OK_AND_ASSIGN(const v1::Report report, Build(arguments_, recorder_));
  EXPECT_EQ(report.manifest().calibration_set().samples(), 2);
  EXPECT_GT(report.manifest().precision().outputs(0).cosine_min(), 0.99);
}

TEST_F(BuildTest, AModelThatIsNoModelIsItself) {
  Write("m.onnx", "GIF89a");
  const v1::Failure failure = BuildFails();
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_MODEL);
  EXPECT_THAT(failure.culprit(), HasSubstr("m.onnx"));
}

TEST_F(BuildTest, AnUnknownOperatorIsUnsupported) {
  Write("m.onnx",
        ParseOnnxText("g (float[1,3,4,4] x) => (float[1,3,4,4] y) { y = Frobnicate(x) }").SerializeAsString());
  const v1::Failure failure = BuildFails();
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_UNSUPPORTED_OPERATOR);
  EXPECT_THAT(failure.message(), HasSubstr("Frobnicate"));
}

TEST_F(BuildTest, AJointIsNotQuantizedAgain) {
  ASSERT_THAT(Build(arguments_, recorder_), IsOk());
  arguments_.model_path = arguments_.output_path;
  arguments_.output_path = folder_ / "twice.joint";
  Recorder again;
  const v1::Failure failure = ToFailure(Build(arguments_, again).status());
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_MODEL);
  EXPECT_THAT(failure.message(), HasSubstr("already"));
}

TEST_F(BuildTest, ADamagedPhotoIsTheCulprit) {
  Write("photos/b.png", EncodePng(Gradient(4, 4, 3)).substr(0, 60));
  const v1::Failure failure = BuildFails();
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_CALIBRATION);
  EXPECT_EQ(failure.culprit(), "b.png");
}

TEST_F(BuildTest, AConfigurationForAnotherModelIsInvalid) {
  std::get<v1::pulsar::PulsarConfiguration>(arguments_.configuration)
      .mutable_src_input_tensors(0)
      ->set_tensor_name("data");
  const v1::Failure failure = BuildFails();
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_CONFIG);
  EXPECT_THAT(failure.message(), AllOf(HasSubstr("data"), HasSubstr("image")));
}

TEST_F(BuildTest, AModelThatComputesNotANumberIsRefused) {
  // No chip: there it would be all the CPU's, which quantizes nothing.
  std::get<v1::pulsar::PulsarConfiguration>(arguments_.configuration).clear_target_hardware();
  Write("m.onnx", ParseOnnxText(R"(g (float[1,3,4,4] x) => (float[1,3,4,4] y) <float c = {-2}> {
                      a = Add(x, c)  b = Log(a)  y = Relu(b) })")
                      .SerializeAsString());
  const v1::Failure failure = BuildFails();
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INVALID_MODEL);
  EXPECT_THAT(failure.message(), HasSubstr("NaN"));
}

}  // namespace
}  // namespace joinery::compiler
