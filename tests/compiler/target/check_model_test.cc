// Whole models on whole targets.
#include "compiler/target/check_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "compiler/target/print_check.h"
#include "compiler/target/target.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::absl::StatusCode;
using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<v1::TargetDescription> Targets(const std::vector<std::string>& names) {
  std::vector<v1::TargetDescription> targets;
  for (const std::string& name : names) {
    absl::StatusOr<v1::TargetDescription> target = FindTarget(name);
    EXPECT_THAT(target, IsOk());
    if (target.ok()) targets.push_back(*std::move(target));
  }
  return targets;
}

absl::StatusOr<v1::ModelCheck> CheckBytes(const std::string& bytes, const std::vector<std::string>& targets,
                                          const CheckOptions& options = {}) {
  const TemporaryFolder folder;
  const std::string path = folder / "model.onnx";
  EXPECT_THAT(base::WriteFileAtomically(path, bytes), IsOk());
  return CheckModel(path, "m.onnx", Targets(targets), options);
}

absl::StatusOr<v1::ModelCheck> CheckText(const std::string& graph, const std::vector<std::string>& targets,
                                         int opset = 13) {
  return CheckBytes(ParseOnnxText(graph, opset).SerializeAsString(), targets);
}

// "1.0, 1.0": so many.
std::string Ones(int count) { return absl::StrJoin(std::vector<std::string>(static_cast<size_t>(count), "1.0"), ", "); }

// A Conv, an operator, a Conv, and another operator.
std::string TwoConvs(const std::string& middle, const std::string& end) {
  return absl::StrCat("g (float[1,4,8,8] x) => (float[1,4,8,8] y) <float[4,4,3,3] w = {", Ones(144), "}> { ",
                      "a = Conv<pads = [1,1,1,1]>(x, w) b = ", middle, "(a) c = Conv<pads = [1,1,1,1]>(b, w) y = ", end,
                      "(c) }");
}

TEST(CheckModelTest, AllOnTheNpuFits) {
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckText(TwoConvs("Relu", "Relu"), {"AX630C"}));
  EXPECT_EQ(check.model(), "m.onnx");
  EXPECT_EQ(check.nodes(), 4);
  EXPECT_EQ(check.parameters(), 144);
  ASSERT_EQ(check.targets_size(), 1);
  EXPECT_EQ(check.targets(0).verdict(), v1::CHECK_VERDICT_FITS);
  EXPECT_EQ(check.targets(0).npu_nodes(), 4);
  EXPECT_EQ(check.targets(0).macs(), 2 * 4 * 8 * 8 * 36);
  EXPECT_EQ(check.targets(0).npu_macs(), check.targets(0).macs());
  ASSERT_EQ(check.targets(0).parts_size(), 1);
  EXPECT_EQ(check.targets(0).parts(0).name(), "npu:0");
  EXPECT_GT(check.targets(0).latency_ms(), 0);
  EXPECT_GT(check.targets(0).median_error_percent(), 0);
}

TEST(CheckModelTest, AnEndOnTheCpuIsATail) {
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckText(TwoConvs("Relu", "Floor"), {"AX630C"}));
  const v1::TargetCheck& lacks_floor = check.targets(0);
  EXPECT_EQ(lacks_floor.verdict(), v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL);
  EXPECT_EQ(lacks_floor.summary(), "3 of 4 nodes run on the NPU, 1 at the end on the CPU (Floor), from c on");
  EXPECT_EQ(lacks_floor.operators(0).op_type(), "Floor");
  EXPECT_EQ(lacks_floor.operators(0).placement(), v1::CHECK_PLACEMENT_CPU);
  EXPECT_TRUE(lacks_floor.operators(0).is_in_tail());
  ASSERT_EQ(lacks_floor.parts_size(), 2);
  EXPECT_EQ(lacks_floor.parts(1).device(), "CPU");
  EXPECT_EQ(lacks_floor.parts(1).inputs(0).name(), "c");
}

TEST(CheckModelTest, ResultsThatEightBitsSpoilAreATail) {
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckText(TwoConvs("Softmax", "Softmax"), {"AX630C"}));
  EXPECT_EQ(check.targets(0).verdict(), v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL);
  EXPECT_EQ(check.targets(0).cpu_nodes(), 1);
  EXPECT_THAT(check.targets(0).operators(0).reason(), HasSubstr("8 bits would spoil"));
}

TEST(CheckModelTest, TheMidstOnTheCpuIsNotATail) {
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckText(TwoConvs("Floor", "Relu"), {"AX630C"}));
  EXPECT_EQ(check.targets(0).verdict(), v1::CHECK_VERDICT_NEEDS_CPU);
  EXPECT_THAT(check.targets(0).summary(), HasSubstr("run on the CPU, in "));
}

TEST(CheckModelTest, WithoutAnNpuTheCpuFits) {
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckText(TwoConvs("Floor", "Relu"), {"ONNX_RUNTIME"}));
  EXPECT_EQ(check.targets(0).verdict(), v1::CHECK_VERDICT_FITS);
  EXPECT_EQ(check.targets(0).cpu_nodes(), 4);
}

TEST(CheckModelTest, RewritesAreNamedForWhatTheyMakePossible) {
  // Shape, Gather and Reshape to a computed shape: nothing of that is left.
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckText(R"(g (float[1,4,8,8] x) => (float[1,256] y)
      <int64 zero = {0}, int64[1] rest = {-1}, int64[1] axis = {0}, float[4,1,3,3] w = {)" +
                                                                 Ones(36) + R"(}> {
        c = Conv<group = 4, pads = [1,1,1,1]>(x, w) s = Shape(c) n = Gather(s, zero) m = Unsqueeze(n, axis)
        t = Concat<axis = 0>(m, rest) f = Reshape(c, t) y = Relu(f) })",
                                                             {"AX630C"}));
  EXPECT_EQ(check.nodes_in_file(), 7);
  EXPECT_EQ(check.nodes(), 3);
  ASSERT_EQ(check.rewrites_size(), 1);
  EXPECT_EQ(check.rewrites(0).name(), "fold_constants");
  const v1::TargetCheck& target = check.targets(0);
  EXPECT_EQ(target.verdict(), v1::CHECK_VERDICT_FITS);
  const v1::OperatorCheck& shape = target.operators(0);
  EXPECT_EQ(shape.op_type(), "Shape");
  EXPECT_EQ(shape.placement(), v1::CHECK_PLACEMENT_NPU_AFTER_REWRITE);
  EXPECT_EQ(shape.rewrite(), "fold_constants");
  EXPECT_THAT(shape.reason(), HasSubstr("does not list Shape"));
}

TEST(CheckModelTest, WhatIsRewrittenForOneTargetIsAsItWasForOthers) {
  const std::string graph = absl::StrCat("g (float[1,4,8,8] x) => (float[1,2,6,6] y) <float[4,4,3,3] w = {", Ones(144),
                                         "}> { c = Conv(x, w) a, b = Split<axis = 1>(c) y = Add(a, b) }");
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckText(graph, {"AX620A", "AX630C"}));
  const v1::TargetCheck& lacks_split = check.targets(0);
  EXPECT_EQ(lacks_split.verdict(), v1::CHECK_VERDICT_FITS);
  EXPECT_EQ(lacks_split.npu_nodes(), 4);
  const v1::OperatorCheck& split = lacks_split.operators(0);
  EXPECT_EQ(split.op_type(), "Split");
  EXPECT_EQ(split.placement(), v1::CHECK_PLACEMENT_NPU_AFTER_REWRITE);
  EXPECT_EQ(split.rewrite(), "fit_to_target");
  EXPECT_EQ(check.targets(1).verdict(), v1::CHECK_VERDICT_FITS);
  EXPECT_EQ(check.targets(1).npu_nodes(), 3);
}

TEST(CheckModelTest, SlowFormsAreTold) {
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check,
                       CheckText("g (float[1,4,8,8] x) => (float[1,6,6,4] y) <float[4,4,3,3] w = {" + Ones(144) +
                                     "}> { c = Conv(x, w) y = Transpose<perm = [0,2,3,1]>(c) }",
                                 {"AX620A"}));
  EXPECT_EQ(check.targets(0).verdict(), v1::CHECK_VERDICT_FITS);
  EXPECT_TRUE(check.targets(0).operators(0).is_slow());
  EXPECT_THAT(check.targets(0).operators(0).reason(), HasSubstr("slow"));
}

TEST(CheckModelTest, WeightsBeyondTheMemoryAreImpossible) {
  onnx::ModelProto model = ParseOnnxText("g (float[1,4] x, float[4,4] w) => (float[1,4] y) { y = MatMul(x, w) }");
  v1::TargetDescription target = Targets({"AX620Q"}).front();
  target.mutable_memory()->mutable_dram_bytes()->set_value(15);
  const TemporaryFolder folder;
  ASSERT_THAT(base::WriteFileAtomically(folder / "m.onnx", model.SerializeAsString()), IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckModel(folder / "m.onnx", "m", {target}, {}));
  EXPECT_EQ(check.targets(0).verdict(), v1::CHECK_VERDICT_IMPOSSIBLE);
  EXPECT_THAT(check.targets(0).summary(), HasSubstr("larger than the AX620Q's memory"));
}

TEST(CheckModelTest, AnOperatorThatDoesNotExistIsImpossible) {
  onnx::ModelProto model = ParseOnnxText("g (float[1] x) => (float[1] y) { y = Relu(x) }");
  model.mutable_graph()->mutable_node(0)->set_op_type("Frobnicate");
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check, CheckBytes(model.SerializeAsString(), {"AX630C"}));
  EXPECT_THAT(check.impossible(), AllOf(HasSubstr("m.onnx"), HasSubstr("Frobnicate")));
  EXPECT_EQ(check.targets_size(), 0);
}

TEST(CheckModelTest, BadModelsAreErrors) {
  EXPECT_THAT(CheckBytes("no model", {"AX630C"}), StatusIs(StatusCode::kInvalidArgument, HasSubstr("m.onnx")));
  EXPECT_THAT(CheckText("g (float[N,3,H,W] x) => (float[N,3,H,W] y) { y = Relu(x) }", {"AX630C"}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("x")));
  EXPECT_THAT(CheckModel("/no/such/model", "m", {}, {}), StatusIs(StatusCode::kNotFound, HasSubstr("/no/such/model")));
}

TEST(CheckModelTest, LimitsHold) {
  CheckOptions options;
  options.limits.max_tensor_elements = 1000;
  EXPECT_THAT(
      CheckBytes(ParseOnnxText("g (float[1,4,64,64] x) => (float[1,4,64,64] y) { y = Relu(x) }").SerializeAsString(),
                 {"AX630C"}, options),
      StatusIs(StatusCode::kInvalidArgument, HasSubstr("1x4x64x64")));
}

TEST(PrintCheckTest, ExitCodesFollowTheWorst) {
  v1::CheckReport report;
  EXPECT_EQ(ExitCodeOf(report), 0);
  v1::ModelCheck& model = *report.add_models();
  model.add_targets()->set_verdict(v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL);
  EXPECT_EQ(ExitCodeOf(report), 0);
  model.add_targets()->set_verdict(v1::CHECK_VERDICT_NEEDS_CPU);
  EXPECT_EQ(ExitCodeOf(report), 11);
  report.add_models()->set_impossible("it cannot be");
  EXPECT_EQ(ExitCodeOf(report), 12);
}

TEST(PrintCheckTest, TablesTellWhatHinders) {
  v1::CheckReport report;
  ASSERT_OK_AND_ASSIGN(*report.add_models(), CheckText(TwoConvs("Floor", "Relu"), {"AX630C", "AX650N"}));
  const std::string text = FormatCheck(report);
  EXPECT_THAT(text, HasSubstr("m.onnx: opset 13, 4 nodes (4 in the file)"));
  EXPECT_THAT(text, HasSubstr("AX630C: needs the CPU: 3 of 4 nodes"));
  EXPECT_THAT(text, HasSubstr("CPU, at the end  Floor     1      the NPU of the AX630C does not list Floor"));
  EXPECT_THAT(text, HasSubstr("NPU: Conv 2, Floor 1, Relu 1"));
  EXPECT_THAT(text, HasSubstr("  npu:0  1 node   x to a\n  cpu:0  3 nodes  a to y\n  estimate: 0."));
  EXPECT_THAT(text, HasSubstr("m.onnx  AX650N  1          0          0          100.0 %   0."));
}

TEST(PrintCheckTest, NamesCannotSteerTerminals) {
  v1::CheckReport report;
  report.add_models()->set_model("\x1b[2J");
  EXPECT_THAT(FormatCheck(report), ::testing::Not(HasSubstr("\x1b")));
}

TEST(PrintCheckTest, JsonSurvivesTheWay) {
  v1::CheckReport report;
  ASSERT_OK_AND_ASSIGN(*report.add_models(), CheckText(TwoConvs("Floor", "Relu"), {"AX630C"}));
  ASSERT_OK_AND_ASSIGN(const v1::CheckReport again, ParseCheck(CheckToJson(report)));
  EXPECT_EQ(again.SerializeAsString(), report.SerializeAsString());
  EXPECT_THAT(ParseCheck("{"), StatusIs(StatusCode::kDataLoss, HasSubstr("cannot be read")));
}

// The real models: what is published to run whole on a chip must fit there.
struct RealCase {
  std::string model;
  std::string target;
  v1::CheckVerdict verdict;
};

void PrintTo(const RealCase& c, std::ostream* out) { *out << c.model << " on " << c.target; }

class RealModelTest : public ::testing::TestWithParam<RealCase> {};

TEST_P(RealModelTest, HasTheVerdict) {
  const char* data = std::getenv("JOINERY_DATA");
  if (data == nullptr) GTEST_SKIP() << "skipped: no JOINERY_DATA";
  const std::string path = absl::StrCat(data, "/models/", GetParam().model, ".onnx");
  ASSERT_OK_AND_ASSIGN(const v1::ModelCheck check,
                       CheckModel(path, GetParam().model, Targets({GetParam().target}), {}));
  EXPECT_EQ(check.impossible(), "");
  EXPECT_EQ(check.targets(0).verdict(), GetParam().verdict) << check.targets(0).summary();
}

INSTANTIATE_TEST_SUITE_P(, RealModelTest,
                         ::testing::ValuesIn(std::vector<RealCase>{
                             {"mobilenetv2", "AX620A", v1::CHECK_VERDICT_FITS},
                             {"mobilenetv2", "AX630A", v1::CHECK_VERDICT_FITS},
                             {"mobilenetv2", "AX630C", v1::CHECK_VERDICT_FITS},
                             {"mobilenetv2", "AX650N", v1::CHECK_VERDICT_FITS},
                             {"efficientnet_lite0", "AX620A", v1::CHECK_VERDICT_FITS},
                             {"efficientnet_lite0", "AX630C", v1::CHECK_VERDICT_FITS},
                             {"yunet_n_320", "AX630C", v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL},
                             {"nanodet_m_416", "AX650N", v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL},
                             {"nanodet_m_416", "AX620A", v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL},
                             {"face_RFB-320", "AX620A", v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL},
                             {"face_RFB-320", "AX630C", v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL},
                             {"face_RFB-320_without_postprocessing", "AX620A", v1::CHECK_VERDICT_FITS_WITH_CPU_TAIL},
                         }));

}  // namespace
}  // namespace joinery::compiler
