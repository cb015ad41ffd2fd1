#include "compiler/configuration/check_deployment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "compiler/configuration/configuration.h"
#include "tests/compiler/configuration/builders.h"
#include "tests/compiler/configuration/round_trips.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Translation> Translate(const std::string& deployment) {
  const auto source = ParseConfiguration("deployment { " + deployment + " }", "c.prototxt");
  EXPECT_TRUE(source.ok()) << source.status();
  return TranslateConfiguration(*source, {Picture("x"), {"state", kFloat, {2, 5}}, {"index", kInt64, {1}}});
}

struct BadDeployment {
  std::string name;
  std::string deployment;
  std::string path;
  std::string message;
};

void PrintTo(const BadDeployment& c, std::ostream* out) { *out << c.deployment; }

class BadDeploymentTest : public ::testing::TestWithParam<BadDeployment> {};

TEST_P(BadDeploymentTest, IsNamed) {
  EXPECT_THAT(
      Translate(GetParam().deployment).status(),
      StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(GetParam().path), HasSubstr(GetParam().message))));
}

BadDeployment BadInput(const std::string& name, const std::string& field, const std::string& path,
                       const std::string& message) {
  return {name, "inputs { name: 'x' " + field + " }", path, message};
}

INSTANTIATE_TEST_SUITE_P(
    , BadDeploymentTest,
    ::testing::ValuesIn<BadDeployment>({
        BadInput("Matrix", "color_space: COLOR_SPACE_NV12 yuv_standard: YUV_STANDARD_MATRIX yuv_matrix: 1",
                 "yuv_matrix", "12 numbers"),
        BadInput("YuvOfFloats", "color_space: COLOR_SPACE_NV12 element_type: ELEMENT_TYPE_FLOAT32", "color_space",
                 "which is bytes"),
        BadInput("GrayModel", "model_color_space: COLOR_SPACE_GRAY", "", "GRAY"),
        BadInput("NativePicture", "layout: LAYOUT_NATIVE model_layout: LAYOUT_NATIVE", "", "no picture"),
        BadInput("Scales", "preprocessing { affine { scale: [1, 2] } }", "", "2"),
        BadInput("NotFinite", "preprocessing { affine { scale: nan } }", "", "finite"),
        BadInput("NoStep", "sample_format: SAMPLE_FORMAT_MODEL sample_preprocessing {}", "sample_preprocessing[0]",
                 "is empty"),
        BadInput("StepsOfNoPhotos", "sample_preprocessing { affine { scale: 1 } }", "sample_preprocessing",
                 "is for photos"),
        {"PictureOfNone", "inputs { name: 'state' layout: LAYOUT_NHWC model_layout: LAYOUT_NCHW }", "state",
         "is no picture"},
        {"TypeOfWholeNumbers", "inputs { name: 'index' element_type: ELEMENT_TYPE_UINT8 }", "index",
         "ELEMENT_TYPE_NATIVE"},
        {"Permutation", "outputs { name: 'y' permutation: [0, 2] }", "outputs[\"y\"].permutation", "0 to 1"},
        {"OutputType", "outputs { element_type: ELEMENT_TYPE_INT32 }", "outputs[\"\"].element_type", "use FLOAT32"},
        {"Step", "outputs { quantization_value: -1 }", "quantization_value", "from 0"},
        {"BatchOfNone", "batch { sizes: 0 }", "batch.sizes", "1 to 1024"},
        {"SeveralSizes", "batch { sizes: [1, 2] }", "batch.is_dynamic", "several sizes need it"},
        {"Constant", "edits { constants { name: 'k' } }", "edits.constants[\"k\"]", "values"},
        {"Attribute", "edits { attributes { name: 'a' value: '1' } }", "edits.attributes", "a node"},
        {"Samples", "calibration { max_samples: -1 }", "calibration.max_samples", "negative"},
        {"Percentile", "calibration { percentile: 20 }", "calibration.percentile", "above 50"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(DeploymentTest, StepsAreCompletedAndWhatYuvNeededIsForgotten) {
  ASSERT_OK_AND_ASSIGN(const Translation translation,
                       Translate("inputs { name: 'x' color_space: COLOR_SPACE_RGB yuv_standard: YUV_STANDARD_BT601_FULL"
                                 "  preprocessing { affine { scale: 0.5 } } preprocessing { normalization {} } }"));
  const v1::InputConfiguration& input = translation.configuration.inputs(0);
  EXPECT_EQ(input.yuv_standard(), v1::YUV_STANDARD_UNSPECIFIED);
  EXPECT_THAT(input.preprocessing(0).affine().bias(), ElementsAre(0));
  EXPECT_THAT(input.preprocessing(1).normalization().std(), ElementsAre(1));
}

TEST(DeploymentTest, RoundTripsChangeNothing) {
  ExpectRoundTrips(R"(deployment {
      target { hardware: "AX8860" virtual_npu: "NPU4" cut_tensors: ["a", "b"] }
      inputs { name: "x" color_space: COLOR_SPACE_UYVY yuv_standard: YUV_STANDARD_BT601_FULL }
      inputs { name: "z" element_type: ELEMENT_TYPE_UINT16 color_space: COLOR_SPACE_RGBX }
      outputs { name: "o" permutation: [1, 0] element_type: ELEMENT_TYPE_INT8 quantization_value: 0.5 }
      outputs { postprocessing { affine { scale: 2 } } }
      batch { sizes: [1, 2, 8] is_dynamic: true }
      edits { attributes { node: "n" name: "z" value: "1" } attributes { node: "n" name: "a" value: "[1, 2]" } }
      calibration { max_samples: 7 weight_granularity: WEIGHT_GRANULARITY_PER_TENSOR } })");
}

}  // namespace
}  // namespace joinery::compiler
