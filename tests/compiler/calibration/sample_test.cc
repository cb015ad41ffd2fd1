#include "compiler/calibration/sample.h"

#include <cmath>
#include <limits>

#include "compiler/calibration/npy.h"
#include "compiler/configuration/deployed_input.h"
#include "tests/compiler/calibration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kFit = v1::IMAGE_FIT_COVER;

// Two pixels: (1, 2, 3) and (4, 5, 6).
std::string TwoPixels() { return EncodePng({2, 1, 3, {1, 2, 3, 4, 5, 6}}); }

TEST(DeployedShapeTest, HasTheChannelsWhereTheLayoutHasThem) {
  v1::InputConfiguration input = PictureInput(7, 5, 3, v1::COLOR_SPACE_RGB);
  EXPECT_THAT(DeployedShape(input), ElementsAre(1, 5, 7, 3));
  input.set_layout(v1::LAYOUT_NCHW);
  EXPECT_THAT(DeployedShape(input), ElementsAre(1, 3, 5, 7));
  input.set_model_layout(v1::LAYOUT_NHWC);  // Now the model has 7 channels, 3 rows, 5 columns.
  input.set_color_space(v1::COLOR_SPACE_NONE);
  EXPECT_THAT(DeployedShape(input), ElementsAre(1, 7, 3, 5));
  input.set_layout(v1::LAYOUT_NATIVE);
  EXPECT_THAT(DeployedShape(input), ElementsAre(1, 3, 5, 7));
}

TEST(LoadSampleTest, PhotoInTheColoursAndLayoutAskedFor) {
  ASSERT_OK_AND_ASSIGN(const LoadedSample rgb,
                       LoadSample("a.png", TwoPixels(), PictureInput(2, 1, 3, v1::COLOR_SPACE_RGB), kFit));
  EXPECT_EQ(rgb.note, "");
  EXPECT_EQ(rgb.tensor.element_type, onnx::TensorProto::UINT8);
  EXPECT_THAT(rgb.tensor.shape, ElementsAre(1, 1, 2, 3));
  EXPECT_THAT(rgb.tensor.values<uint8_t>(), ElementsAre(1, 2, 3, 4, 5, 6));
  ASSERT_OK_AND_ASSIGN(const LoadedSample bgr,
                       LoadSample("a.png", TwoPixels(), PictureInput(2, 1, 3, v1::COLOR_SPACE_BGR), kFit));
  EXPECT_THAT(bgr.tensor.values<uint8_t>(), ElementsAre(3, 2, 1, 6, 5, 4));
  ASSERT_OK_AND_ASSIGN(
      const LoadedSample planes,
      LoadSample("a.png", TwoPixels(),
                 PictureInput(2, 1, 3, v1::COLOR_SPACE_BGR, v1::LAYOUT_NCHW, v1::ELEMENT_TYPE_FLOAT32), kFit));
  EXPECT_THAT(planes.tensor.shape, ElementsAre(1, 3, 1, 2));
  EXPECT_THAT(planes.tensor.values<float>(), ElementsAre(3, 6, 2, 5, 1, 4));
}

TEST(LoadSampleTest, ColourToGreyAndGreyToColour) {
  const v1::InputConfiguration grey = PictureInput(3, 1, 1, v1::COLOR_SPACE_GRAY);
  ASSERT_OK_AND_ASSIGN(const LoadedSample luminance,
                       LoadSample("a.png", EncodePng({3, 1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255}}), grey, kFit));
  EXPECT_THAT(luminance.tensor.values<uint8_t>(), ElementsAre(76, 150, 29));
  const v1::InputConfiguration colour = PictureInput(2, 1, 3, v1::COLOR_SPACE_BGR);
  ASSERT_OK_AND_ASSIGN(const LoadedSample replicated, LoadSample("a.png", EncodePng({2, 1, 1, {7, 9}}), colour, kFit));
  EXPECT_THAT(replicated.tensor.values<uint8_t>(), ElementsAre(7, 7, 7, 9, 9, 9));
}

TEST(LoadSampleTest, TheNoteSaysWhatWasDoneToThePhoto) {
  struct Case {
    int width;
    int height;
    v1::ImageFit fit;
    std::string note;
  };
  const Case cases[] = {
      {32, 24, v1::IMAGE_FIT_COVER, ""},
      {64, 64, v1::IMAGE_FIT_COVER, "64x64 scaled and centre-cropped to 32x24"},
      {64, 48, v1::IMAGE_FIT_COVER, "64x48 scaled to 32x24"},
      {40, 24, v1::IMAGE_FIT_COVER, "40x24 centre-cropped to 32x24"},
      {32, 30, v1::IMAGE_FIT_UNSPECIFIED, "32x30 centre-cropped to 32x24"},
      {64, 64, v1::IMAGE_FIT_STRETCH, "64x64 stretched to 32x24"},
      {64, 64, v1::IMAGE_FIT_LETTERBOX, "64x64 letterboxed to 32x24"},
  };
  for (const Case& c : cases) {
    ASSERT_OK_AND_ASSIGN(const LoadedSample sample, LoadSample("a.jpg", EncodeJpeg(Gradient(c.width, c.height, 3)),
                                                               PictureInput(32, 24, 3, v1::COLOR_SPACE_RGB), c.fit));
    EXPECT_EQ(sample.note, c.note);
    EXPECT_EQ(sample.tensor.bytes.size(), 32 * 24 * 3);
  }
}

TEST(LoadSampleTest, DamagedPhotoIsNamed) {
  const std::string jpeg = EncodeJpeg(Gradient(32, 32, 3));
  EXPECT_THAT(
      LoadSample("dir/cut.jpg", jpeg.substr(0, jpeg.size() / 2), PictureInput(32, 32, 3, v1::COLOR_SPACE_RGB), kFit),
      StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("dir/cut.jpg: is a damaged JPEG")));
}

TEST(LoadSampleTest, PhotoForAnInputThatIsNoPicture) {
  v1::InputConfiguration input;
  input.set_name("state");
  input.set_layout(v1::LAYOUT_NATIVE);
  input.set_element_type(v1::ELEMENT_TYPE_FLOAT32);
  for (const int dimension : {1, 16}) input.add_model_shape(dimension);
  EXPECT_THAT(LoadSample("a.png", TwoPixels(), input, kFit),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(StartsWith("a.png: "), HasSubstr("\"state\" of shape [1x16]"), HasSubstr("npy"))));
}

TEST(LoadSampleTest, OnePhotoDoesNotFillABatch) {
  v1::InputConfiguration input = PictureInput(2, 1, 3, v1::COLOR_SPACE_RGB);
  input.set_model_shape(0, 4);
  EXPECT_THAT(LoadSample("a.png", TwoPixels(), input, kFit),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("takes 4 at a time")));
}

Tensor Bytes(std::vector<int64_t> shape) {
  Tensor tensor{onnx::TensorProto::UINT8, std::move(shape), {}};
  tensor.bytes.resize(static_cast<size_t>(tensor.num_elements()), std::byte{7});
  return tensor;
}

TEST(LoadSampleTest, ArrayWithAndWithoutItsLeadingOne) {
  const v1::InputConfiguration input = PictureInput(4, 2, 3, v1::COLOR_SPACE_RGB);
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{{1, 2, 4, 3}, {2, 4, 3}}) {
    ASSERT_OK_AND_ASSIGN(const LoadedSample sample, LoadSample("a.npy", FormatNpy(Bytes(shape)), input, kFit));
    EXPECT_THAT(sample.tensor.shape, ElementsAre(1, 2, 4, 3));
    EXPECT_EQ(sample.note, "");
  }
}

TEST(LoadSampleTest, ArrayOfWrongShapeTypeOrChannels) {
  const v1::InputConfiguration input = PictureInput(4, 2, 3, v1::COLOR_SPACE_RGB);
  EXPECT_THAT(LoadSample("a.npy", FormatNpy(Bytes({3, 2, 4})), input, kFit),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "a.npy: is uint8 [3x2x4]; input \"data\" takes uint8 [1x2x4x3] (NHWC); save the array so, or "
                       "configure the input to take it"));
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{2, 4, 1}, {2, 4, 4}, {2, 2, 4, 3}, {24}}) {
    EXPECT_THAT(LoadSample("a.npy", FormatNpy(Bytes(shape)), input, kFit),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("takes uint8 [1x2x4x3]")));
  }
  const std::vector<float> values(24, 1.0F);
  EXPECT_THAT(
      LoadSample("a.npy", FormatNpy(MakeTensor<float>(onnx::TensorProto::FLOAT, {2, 4, 3}, values)), input, kFit),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is float32 [2x4x3]; input \"data\" takes uint8")));
}

TEST(LoadSampleTest, ArrayWithNanOrInfinity) {
  const v1::InputConfiguration input =
      PictureInput(2, 1, 1, v1::COLOR_SPACE_GRAY, v1::LAYOUT_NHWC, v1::ELEMENT_TYPE_FLOAT32);
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const float values[] = {1, bad};
    EXPECT_THAT(
        LoadSample("a.npy", FormatNpy(MakeTensor<float>(onnx::TensorProto::FLOAT, {1, 2, 1}, values)), input, kFit),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a.npy: contains NaN or infinity")));
  }
}

TEST(LoadSampleTest, ArrayOfANativeInputKeepsItsType) {
  v1::InputConfiguration input;
  input.set_name("ids");
  input.set_layout(v1::LAYOUT_NATIVE);
  input.set_element_type(v1::ELEMENT_TYPE_NATIVE);
  input.add_model_shape(2);
  const int64_t values[] = {5, 6};
  ASSERT_OK_AND_ASSIGN(
      const LoadedSample sample,
      LoadSample("a.npy", FormatNpy(MakeTensor<int64_t>(onnx::TensorProto::INT64, {2}, values)), input, kFit));
  EXPECT_EQ(sample.tensor.element_type, onnx::TensorProto::INT64);
}

TEST(LoadSampleTest, NpyByNameThatIsNone) {
  EXPECT_THAT(LoadSample("a.npy", TwoPixels(), PictureInput(2, 1, 3, v1::COLOR_SPACE_RGB), kFit),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no proper npy file")));
}

TEST(LoadRawTest, TakesExactlyTheDeployedInputsBytes) {
  const v1::InputConfiguration input = PictureInput(2, 1, 3, v1::COLOR_SPACE_RGB);
  ASSERT_OK_AND_ASSIGN(const Tensor tensor, LoadRaw("cat.bin", "abcdef", input));
  EXPECT_THAT(tensor.shape, ElementsAre(1, 1, 2, 3));
  EXPECT_THAT(tensor.values<uint8_t>(), ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
  EXPECT_THAT(LoadRaw("cat.bin", "abcde", input),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       "cat.bin: has 5 bytes; input \"data\" takes 6: uint8 [1x1x2x3] (NHWC)"));
}

TEST(LoadRawTest, FloatsAreFourBytesAndFinite) {
  const v1::InputConfiguration input =
      PictureInput(1, 1, 1, v1::COLOR_SPACE_GRAY, v1::LAYOUT_NHWC, v1::ELEMENT_TYPE_FLOAT32);
  EXPECT_THAT(LoadRaw("x.bin", absl::string_view("\0\0\x80\x3f", 4), input), IsOk());
  EXPECT_THAT(LoadRaw("x.bin", absl::string_view("\0\0\xc0\x7f", 4), input),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NaN")));
}

// A photo becomes what the camera would have given: one colour everywhere, so chroma is exact.
TEST(LoadSampleTest, PhotosBecomeYuv) {
  v1::InputConfiguration input = PictureInput(2, 2, 3, v1::COLOR_SPACE_NV12);
  input.set_model_color_space(v1::COLOR_SPACE_BGR);
  input.set_yuv_standard(v1::YUV_STANDARD_BT601_LIMITED);
  const std::string red = EncodePng({2, 2, 3, {255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0}});
  ASSERT_OK_AND_ASSIGN(const LoadedSample nv12, LoadSample("a.png", red, input, kFit));
  EXPECT_THAT(nv12.tensor.shape, ElementsAre(1, 3, 2, 1));
  // BT.601: red is Y 81, Cb 90, Cr 240.
  EXPECT_THAT(nv12.tensor.values<uint8_t>(), ElementsAre(81, 81, 81, 81, 90, 240));
  input.set_color_space(v1::COLOR_SPACE_NV21);
  ASSERT_OK_AND_ASSIGN(const LoadedSample nv21, LoadSample("a.png", red, input, kFit));
  EXPECT_THAT(nv21.tensor.values<uint8_t>(), ElementsAre(81, 81, 81, 81, 240, 90));
  input.set_color_space(v1::COLOR_SPACE_UYVY);
  input.set_yuv_standard(v1::YUV_STANDARD_BT601_FULL);
  ASSERT_OK_AND_ASSIGN(const LoadedSample uyvy, LoadSample("a.png", red, input, kFit));
  EXPECT_THAT(uyvy.tensor.shape, ElementsAre(1, 2, 2, 2));
  EXPECT_THAT(uyvy.tensor.values<uint8_t>(), ElementsAre(85, 76, 255, 76, 85, 76, 255, 76));
}

TEST(LoadSampleTest, AMatrixWithoutInverseTakesNoPhotos) {
  v1::InputConfiguration input = PictureInput(2, 2, 3, v1::COLOR_SPACE_NV12);
  input.set_yuv_standard(v1::YUV_STANDARD_MATRIX);
  for (int i = 0; i < 12; ++i) input.add_yuv_matrix(1);
  EXPECT_THAT(
      LoadSample("a.png", EncodePng({2, 2, 3, std::vector<uint8_t>(12)}), input, kFit),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a.png: the matrix from YUV to RGB has no inverse")));
}

TEST(LoadSampleTest, PhotosOfOtherElementTypesKeepTheirValues) {
  v1::InputConfiguration input = PictureInput(2, 1, 3, v1::COLOR_SPACE_BGRX);
  input.set_element_type(v1::ELEMENT_TYPE_INT16);
  ASSERT_OK_AND_ASSIGN(const LoadedSample spare, LoadSample("a.png", TwoPixels(), input, kFit));
  EXPECT_EQ(spare.tensor.element_type, onnx::TensorProto::INT16);
  EXPECT_THAT(spare.tensor.shape, ElementsAre(1, 1, 2, 4));
  EXPECT_THAT(spare.tensor.values<int16_t>(), ElementsAre(3, 2, 1, 255, 6, 5, 4, 255));
  input.set_color_space(v1::COLOR_SPACE_RGB);
  input.set_element_type(v1::ELEMENT_TYPE_FLOAT16);
  ASSERT_OK_AND_ASSIGN(const LoadedSample half, LoadSample("a.png", TwoPixels(), input, kFit));
  EXPECT_THAT(half.tensor.values<uint16_t>(), ElementsAre(0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600));
  input.set_element_type(v1::ELEMENT_TYPE_INT8);
  EXPECT_THAT(LoadSample("a.png", TwoPixels(), input, kFit),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("takes int8")));
}

// The float model's own input: its layout, its colours, prepared by the calibration's own steps.
TEST(LoadSampleTest, SamplesOfTheModelDoNotGoThroughTheArtifactsSteps) {
  v1::InputConfiguration input = PictureInput(2, 1, 3, v1::COLOR_SPACE_RGB);
  input.set_model_color_space(v1::COLOR_SPACE_BGR);
  input.set_sample_format(v1::SAMPLE_FORMAT_MODEL);
  v1::PreprocessingStep& step = *input.add_sample_preprocessing();
  for (const float mean : {1.0F, 2.0F, 3.0F}) step.mutable_normalization()->add_mean(mean);
  step.mutable_normalization()->add_std(2);
  ASSERT_OK_AND_ASSIGN(const LoadedSample photo, LoadSample("a.png", TwoPixels(), input, kFit));
  EXPECT_THAT(photo.tensor.shape, ElementsAre(1, 3, 1, 2));
  EXPECT_THAT(photo.tensor.values<float>(), ElementsAre(1, 2.5, 0, 1.5, -1, 0.5));
  const std::vector<float> values = {0, 1, 2, 3, 4, 5};
  const std::string bytes(reinterpret_cast<const char*>(values.data()), 24);
  ASSERT_OK_AND_ASSIGN(const LoadedSample raw, LoadSample("a.bin", bytes, input, kFit));
  EXPECT_THAT(raw.tensor.shape, ElementsAre(1, 3, 1, 2));
  EXPECT_THAT(raw.tensor.values<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
}

}  // namespace
}  // namespace joinery::compiler
