#include "compiler/backend/convert_colors.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "compiler/backend/attach_preprocessing.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/execution/executor.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::testing::ElementsAreArray;

constexpr int kWidth = 64;
constexpr int kHeight = 32;

using Pixel = std::array<uint8_t, 3>;

v1::InputConfiguration Input(v1::ColorSpace deployed, v1::ColorSpace model, v1::YuvStandard standard) {
  v1::InputConfiguration input;
  input.set_name("x");
  input.set_element_type(v1::ELEMENT_TYPE_UINT8);
  input.set_layout(v1::LAYOUT_NHWC);
  input.set_color_space(deployed);
  input.set_model_color_space(model);
  input.set_model_layout(v1::LAYOUT_NCHW);
  input.set_yuv_standard(standard);
  for (const int64_t dimension : {1, model == v1::COLOR_SPACE_GRAY ? 1 : 3, kHeight, kWidth}) {
    input.add_model_shape(dimension);
  }
  return input;
}

// Red, green, blue by the formulas of BT.601 as they are printed, in double precision.
Pixel Reference(const Pixel& yuv, bool is_limited) {
  const double y = is_limited ? 1.164383562 * (yuv[0] - 16) : yuv[0];
  const double u = yuv[1] - 128.0;
  const double v = yuv[2] - 128.0;
  const std::array<double, 3> rgb =
      is_limited
          ? std::array<double, 3>{y + 1.596026786 * v, y - 0.391762290 * u - 0.812967647 * v, y + 2.017232143 * u}
          : std::array<double, 3>{y + 1.402 * v, y - 0.344136286 * u - 0.714136286 * v, y + 1.772 * u};
  Pixel result;
  std::transform(rgb.begin(), rgb.end(), result.begin(),
                 [](double value) { return static_cast<uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0)); });
  return result;
}

Pixel Decode(const YuvDecoder& decoder, const Pixel& yuv) {
  Pixel result;
  for (size_t i = 0; i < 3; ++i) {
    const auto& row = decoder.rows[i];
    const int sum = row[0] * yuv[0] + row[1] * yuv[1] + row[2] * yuv[2] + row[3];
    result[i] = static_cast<uint8_t>(std::clamp(sum >> decoder.shift, 0, 255));
  }
  return result;
}

// A picture of bytes without any pattern, and the Y, U and V of each of its pixels, worked out by hand of the formats.
struct Picture {
  std::vector<uint8_t> bytes;

  Pixel At(v1::ColorSpace colors, int x, int y) const {
    const auto byte = [&](int index) { return bytes[static_cast<size_t>(index)]; };
    const int pair = 2 * (y * kWidth + x - x % 2);
    const int chroma = kWidth * kHeight + (y / 2) * kWidth + x - x % 2;
    switch (colors) {
      case v1::COLOR_SPACE_NV12:
        return {byte(y * kWidth + x), byte(chroma), byte(chroma + 1)};
      case v1::COLOR_SPACE_NV21:
        return {byte(y * kWidth + x), byte(chroma + 1), byte(chroma)};
      case v1::COLOR_SPACE_YUYV:
        return {byte(2 * (y * kWidth + x)), byte(pair + 1), byte(pair + 3)};
      default:
        return {byte(2 * (y * kWidth + x) + 1), byte(pair), byte(pair + 2)};
    }
  }
};

std::vector<float> RunGraph(const v1::InputConfiguration& input, const std::vector<uint8_t>& bytes) {
  onnx::ModelProto model = ParseOnnxText(input.model_color_space() == v1::COLOR_SPACE_GRAY
                                             ? "g (float[1,1,32,64] x) => (float[1,1,32,64] y) { y = Identity(x) }"
                                             : "g (float[1,3,32,64] x) => (float[1,3,32,64] y) { y = Identity(x) }");
  onnx::shape_inference::InferShapes(model);
  Graph graph(std::move(model));
  v1::BuildConfiguration configuration;
  *configuration.add_inputs() = input;
  EXPECT_THAT(AttachPreprocessing(graph, configuration), IsOk());
  const auto executor = LoadOnnxRuntime(graph.model(), {});
  EXPECT_THAT(executor, IsOk());
  EXPECT_EQ((*executor)->inputs()[0].shape, DeployedShape(input));
  const auto outputs =
      RunToTensors(**executor, {MakeTensor<uint8_t>(onnx::TensorProto::UINT8, DeployedShape(input), bytes)});
  EXPECT_THAT(outputs, IsOk());
  const absl::Span<const float> values = (*outputs)[0].values<float>();
  return {values.begin(), values.end()};
}

struct Case {
  const char* name;
  v1::ColorSpace deployed;
  v1::ColorSpace model;
  v1::YuvStandard standard;
};

class YuvTest : public ::testing::TestWithParam<Case> {};

TEST_P(YuvTest, TheGraphGivesTheDecodersBytesAndThoseAreTheStandards) {
  const Case& c = GetParam();
  const v1::InputConfiguration input = Input(c.deployed, c.model, c.standard);
  const YuvDecoder decoder = YuvDecoderOf(input);
  const bool is_planar = c.deployed == v1::COLOR_SPACE_NV12 || c.deployed == v1::COLOR_SPACE_NV21;
  std::mt19937 random(7);
  Picture picture{std::vector<uint8_t>(kWidth * kHeight * (is_planar ? 3 : 4) / 2)};
  for (uint8_t& byte : picture.bytes) byte = static_cast<uint8_t>(random());
  const std::vector<float> got = RunGraph(input, picture.bytes);
  std::vector<float> want(got.size());
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const Pixel yuv = picture.At(c.deployed, x, y);
      const Pixel rgb = Decode(decoder, yuv);
      const Pixel reference = Reference(yuv, c.standard == v1::YUV_STANDARD_BT601_LIMITED);
      for (size_t i = 0; i < 3; ++i) {
        // 13 bits of a factor are enough but for what lies on the edge between two bytes.
        EXPECT_NEAR(rgb[i], reference[i], 1) << x << ", " << y;
        const size_t channel = c.model == v1::COLOR_SPACE_BGR ? 2 - i : i;
        want[channel * kWidth * kHeight + static_cast<size_t>(y * kWidth + x)] = rgb[i];
      }
    }
  }
  EXPECT_THAT(got, ElementsAreArray(want));
}

INSTANTIATE_TEST_SUITE_P(
    , YuvTest,
    ::testing::ValuesIn<Case>({
        {"Nv12LimitedToRgb", v1::COLOR_SPACE_NV12, v1::COLOR_SPACE_RGB, v1::YUV_STANDARD_BT601_LIMITED},
        {"Nv12FullToBgr", v1::COLOR_SPACE_NV12, v1::COLOR_SPACE_BGR, v1::YUV_STANDARD_BT601_FULL},
        {"Nv21FullToRgb", v1::COLOR_SPACE_NV21, v1::COLOR_SPACE_RGB, v1::YUV_STANDARD_BT601_FULL},
        {"Nv21LimitedToBgr", v1::COLOR_SPACE_NV21, v1::COLOR_SPACE_BGR, v1::YUV_STANDARD_BT601_LIMITED},
        {"YuyvLimitedToRgb", v1::COLOR_SPACE_YUYV, v1::COLOR_SPACE_RGB, v1::YUV_STANDARD_BT601_LIMITED},
        {"UyvyFullToBgr", v1::COLOR_SPACE_UYVY, v1::COLOR_SPACE_BGR, v1::YUV_STANDARD_BT601_FULL},
    }),
    [](const auto& test) { return test.param.name; });

// Of all 2^24 triples few lie on an edge: the decoder is off by one in less than one channel of a thousand.
TEST(YuvDecoderTest, IsHardlyEverOffByOne) {
  for (const v1::YuvStandard standard : {v1::YUV_STANDARD_BT601_LIMITED, v1::YUV_STANDARD_BT601_FULL}) {
    const YuvDecoder decoder = YuvDecoderOf(Input(v1::COLOR_SPACE_NV12, v1::COLOR_SPACE_RGB, standard));
    int off = 0;
    int all = 0;
    for (int y = 0; y < 256; ++y) {
      for (int u = 0; u < 256; u += 5) {
        for (int v = 0; v < 256; v += 5) {
          const Pixel yuv = {static_cast<uint8_t>(y), static_cast<uint8_t>(u), static_cast<uint8_t>(v)};
          const Pixel reference = Reference(yuv, standard == v1::YUV_STANDARD_BT601_LIMITED);
          const Pixel decoded = Decode(decoder, yuv);
          for (size_t i = 0; i < 3; ++i, ++all) off += reference[i] == decoded[i] ? 0 : 1;
        }
      }
    }
    EXPECT_LT(off * 1000, 8 * all) << v1::YuvStandard_Name(standard);
  }
}

TEST(ConvertColorsTest, AGreyModelTakesTheLumaOfYuv) {
  std::vector<uint8_t> bytes(kWidth * kHeight * 3 / 2, 200);
  for (int i = 0; i < kWidth * kHeight; ++i) bytes[static_cast<size_t>(i)] = static_cast<uint8_t>(i);
  const std::vector<float> full =
      RunGraph(Input(v1::COLOR_SPACE_NV12, v1::COLOR_SPACE_GRAY, v1::YUV_STANDARD_BT601_FULL), bytes);
  for (size_t i = 0; i < full.size(); ++i) EXPECT_EQ(full[i], static_cast<float>(i % 256));
  const std::vector<float> limited =
      RunGraph(Input(v1::COLOR_SPACE_NV12, v1::COLOR_SPACE_GRAY, v1::YUV_STANDARD_BT601_LIMITED), bytes);
  EXPECT_EQ(limited[16], 0);
  EXPECT_EQ(limited[126], 128);
  EXPECT_EQ(limited[235], 255);
}

TEST(ConvertColorsTest, GreyIsRepeatedAndColoursBecomeLuma) {
  std::vector<uint8_t> grey(kWidth * kHeight);
  for (size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<uint8_t>(3 * i);
  const std::vector<float> rgb =
      RunGraph(Input(v1::COLOR_SPACE_GRAY, v1::COLOR_SPACE_RGB, v1::YUV_STANDARD_UNSPECIFIED), grey);
  for (size_t i = 0; i < rgb.size(); ++i) EXPECT_EQ(rgb[i], grey[i % grey.size()]);

  std::vector<uint8_t> bgr(kWidth * kHeight * 3, 0);
  bgr[2] = 255;
  bgr[4] = 255;
  bgr[6] = 255;
  const std::vector<float> luma =
      RunGraph(Input(v1::COLOR_SPACE_BGR, v1::COLOR_SPACE_GRAY, v1::YUV_STANDARD_UNSPECIFIED), bgr);
  EXPECT_EQ(luma[0], 76);
  EXPECT_EQ(luma[1], 150);
  EXPECT_EQ(luma[2], 29);
  EXPECT_EQ(luma[3], 0);
}

TEST(ConvertColorsTest, ASpareChannelIsCutOff) {
  std::vector<uint8_t> bytes(kWidth * kHeight * 4);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  const std::vector<float> rgb =
      RunGraph(Input(v1::COLOR_SPACE_BGRX, v1::COLOR_SPACE_RGB, v1::YUV_STANDARD_UNSPECIFIED), bytes);
  EXPECT_EQ(rgb[0], 2);
  EXPECT_EQ(rgb[1], 6);
  EXPECT_EQ(rgb[kWidth * kHeight], 1);
  EXPECT_EQ(rgb[2 * kWidth * kHeight + 1], 4);
}

}  // namespace
}  // namespace joinery::compiler
