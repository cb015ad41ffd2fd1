// Everything that people really export: import, simplify, compare.
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/frontend/simplify.h"
#include "compiler/frontend/verify_equivalence.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;

struct Case {
  std::string name;
  std::vector<std::string> input_shapes;
  // What must be gone afterwards, as well as Constant, Identity, Dropout and BatchNormalization.
  std::set<std::string> gone;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

std::string NameOf(const ::testing::TestParamInfo<Case>& info) {
  std::string name = info.param.name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

class RealModelsTest : public ::testing::TestWithParam<Case> {};

std::map<std::string, int> CountOperators(const onnx::GraphProto& graph) {
  std::map<std::string, int> counts;
  for (const onnx::NodeProto& node : graph.node()) ++counts[node.op_type()];
  return counts;
}

TEST_P(RealModelsTest, SimplifiesAndComputesTheSame) {
  const char* data = std::getenv("JOINERY_DATA");
  if (data == nullptr) GTEST_SKIP() << "skipped: no JOINERY_DATA";
  const Case& c = GetParam();
  ASSERT_OK_AND_ASSIGN(const onnx::ModelProto original,
                       LoadModel(std::string(data) + "/models/" + c.name + ".onnx", ModelLimits()));
  ImportOptions options;
  options.input_shapes = c.input_shapes;
  ASSERT_OK_AND_ASSIGN(Imported imported, ImportModel(original, options));
  Graph& graph = imported.graph;
  ASSERT_OK_AND_ASSIGN(const std::vector<PassReport> reports, Simplify(graph));
  EXPECT_FALSE(reports.empty());

  const std::map<std::string, int> operators = CountOperators(graph.proto());
  std::set<std::string> gone = c.gone;
  gone.insert({"Constant", "Identity", "Dropout", "BatchNormalization"});
  for (const std::string& op : gone) EXPECT_FALSE(operators.contains(op)) << operators.at(op) << " " << op << " left";
  for (const onnx::NodeProto& node : graph.proto().node()) {
    for (const std::string& output : node.output()) {
      EXPECT_TRUE(output.empty() || graph.ElementType(output) != onnx::TensorProto::UNDEFINED) << output;
    }
  }

  ASSERT_OK_AND_ASSIGN(EquivalenceChecker checker, EquivalenceChecker::Create(original, graph.model(), 1));
  for (const uint64_t seed : {1, 2}) {
    ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, RandomFeed(checker.inputs(), seed));
    EXPECT_THAT(checker.Check(feed), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(const std::vector<PassReport> again, Simplify(graph));
  for (const PassReport& report : again) EXPECT_EQ(report.rewrites, 0) << report.pass;
}

INSTANTIATE_TEST_SUITE_P(, RealModelsTest,
                         ::testing::ValuesIn<Case>({
                             {"mobilenetv2", {}, {"Shape", "Gather", "Unsqueeze", "Concat"}},
                             {"efficientnet_lite0", {}, {"Shape", "Slice", "Cast", "Concat", "Pad"}},
                             {"face_RFB-320", {}, {"Shape", "Gather", "Flatten"}},
                             {"face_RFB-320_without_postprocessing", {}, {}},
                             {"ppocrv4_det", {"x:1x3x320x320"}, {"Shape"}},
                             {"ppocrv4_rec", {"x:1x3x48x320"}, {"Shape", "Flatten"}},
                             {"nanodet_m_416", {}, {"Shape"}},
                             {"yunet_n_320", {}, {"Shape"}},
                             {"mlperf_mobilenetv1_025_vww", {}, {}},
                             {"mlperf_resnet8_cifar10", {}, {}},
                             {"mediapipe_face_landmark_192", {}, {}},
                             {"silero_vad_16k", {"input:1x512", "state:2x1x128"}, {}},
                         }),
                         NameOf);

}  // namespace
}  // namespace joinery::compiler
