#include "compiler/configuration/deployed_input.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>

namespace joinery::compiler {
namespace {

// The largest shift: 13 bits of a factor of 2.02 still leave room for a sum of three.
constexpr int kMaxShift = 13;
constexpr double kLargestExactSum = 1 << 24;

YuvMatrix Bt601(bool is_limited) {
  constexpr double kRed = 0.299;
  constexpr double kBlue = 0.114;
  constexpr double kGreen = 1 - kRed - kBlue;
  const double luma = is_limited ? 255.0 / 219 : 1;
  const double chroma = is_limited ? 255.0 / 224 : 1;
  const double black = is_limited ? 16 : 0;
  const double red_v = 2 * (1 - kRed) * chroma;
  const double blue_u = 2 * (1 - kBlue) * chroma;
  const double green_u = -2 * kBlue * (1 - kBlue) / kGreen * chroma;
  const double green_v = -2 * kRed * (1 - kRed) / kGreen * chroma;
  const auto row = [&](double u, double v) { return std::array<double, 4>{luma, u, v, -luma * black - (u + v) * 128}; };
  return {row(0, red_v), row(green_u, green_v), row(blue_u, 0)};
}

double LargestSum(const YuvMatrix& matrix) {
  double largest = 0;
  for (const auto& row : matrix) {
    largest = std::max(largest, 256 * (std::abs(row[0]) + std::abs(row[1]) + std::abs(row[2])) + std::abs(row[3]) + 1);
  }
  return largest;
}

bool IsSpareChannel(v1::ColorSpace color_space) {
  return color_space == v1::COLOR_SPACE_BGRX || color_space == v1::COLOR_SPACE_RGBX;
}

v1::ColorSpace WithoutSpare(v1::ColorSpace color_space) {
  if (!IsSpareChannel(color_space)) return color_space;
  return color_space == v1::COLOR_SPACE_BGRX ? v1::COLOR_SPACE_BGR : v1::COLOR_SPACE_RGB;
}

}  // namespace

bool IsPicture(const v1::InputConfiguration& input) {
  return (input.model_layout() == v1::LAYOUT_NHWC || input.model_layout() == v1::LAYOUT_NCHW) &&
         input.model_shape_size() == 4;
}

PictureSize ModelPicture(const v1::InputConfiguration& input) {
  const bool nchw = input.model_layout() == v1::LAYOUT_NCHW;
  return {.width = input.model_shape(nchw ? 3 : 2),
          .height = input.model_shape(nchw ? 2 : 1),
          .channels = input.model_shape(nchw ? 1 : 3)};
}

bool IsYuv(v1::ColorSpace color_space) {
  return color_space >= v1::COLOR_SPACE_NV12 && color_space <= v1::COLOR_SPACE_UYVY;
}

int64_t DeployedChannels(v1::ColorSpace color_space) {
  switch (color_space) {
    case v1::COLOR_SPACE_RGB:
    case v1::COLOR_SPACE_BGR:
      return 3;
    case v1::COLOR_SPACE_GRAY:
    case v1::COLOR_SPACE_NV12:
    case v1::COLOR_SPACE_NV21:
      return 1;
    case v1::COLOR_SPACE_YUYV:
    case v1::COLOR_SPACE_UYVY:
      return 2;
    case v1::COLOR_SPACE_BGRX:
    case v1::COLOR_SPACE_RGBX:
      return 4;
    default:
      return 0;
  }
}

bool SwapsRedAndBlue(const v1::InputConfiguration& input) {
  const v1::ColorSpace from = WithoutSpare(input.color_space());
  const v1::ColorSpace to = input.model_color_space();
  return (from == v1::COLOR_SPACE_RGB && to == v1::COLOR_SPACE_BGR) ||
         (from == v1::COLOR_SPACE_BGR && to == v1::COLOR_SPACE_RGB);
}

bool ConvertsColors(const v1::InputConfiguration& input) {
  const bool deployed_is_gray = input.color_space() == v1::COLOR_SPACE_GRAY;
  const bool model_is_gray = input.model_color_space() == v1::COLOR_SPACE_GRAY;
  return IsPicture(input) && (IsYuv(input.color_space()) || deployed_is_gray != model_is_gray);
}

std::vector<int64_t> DeployedShape(const v1::InputConfiguration& input) {
  const auto& model = input.model_shape();
  const bool is_arranged = input.layout() == v1::LAYOUT_NCHW || input.layout() == v1::LAYOUT_NHWC;
  if (!IsPicture(input) || !is_arranged) return {model.begin(), model.end()};
  const PictureSize size = ModelPicture(input);
  const int64_t known = DeployedChannels(input.color_space());
  const int64_t channels = known > 0 ? known : size.channels;
  const bool is_planar = input.color_space() == v1::COLOR_SPACE_NV12 || input.color_space() == v1::COLOR_SPACE_NV21;
  const int64_t rows = is_planar ? size.height * 3 / 2 : size.height;
  if (input.layout() == v1::LAYOUT_NCHW) return {model[0], channels, rows, size.width};
  return {model[0], rows, size.width, channels};
}

int32_t DeployedElementType(const v1::InputConfiguration& input) {
  switch (input.element_type()) {
    case v1::ELEMENT_TYPE_UINT8:
      return onnx::TensorProto::UINT8;
    case v1::ELEMENT_TYPE_INT8:
      return onnx::TensorProto::INT8;
    case v1::ELEMENT_TYPE_UINT16:
      return onnx::TensorProto::UINT16;
    case v1::ELEMENT_TYPE_INT16:
      return onnx::TensorProto::INT16;
    case v1::ELEMENT_TYPE_UINT32:
      return onnx::TensorProto::UINT32;
    case v1::ELEMENT_TYPE_INT32:
      return onnx::TensorProto::INT32;
    case v1::ELEMENT_TYPE_FLOAT16:
      return onnx::TensorProto::FLOAT16;
    case v1::ELEMENT_TYPE_NATIVE:
      return input.model_element_type();
    default:
      return onnx::TensorProto::FLOAT;
  }
}

YuvMatrix YuvMatrixOf(const v1::InputConfiguration& input) {
  if (input.yuv_standard() != v1::YUV_STANDARD_MATRIX || input.yuv_matrix_size() != 12) {
    return Bt601(input.yuv_standard() != v1::YUV_STANDARD_BT601_FULL);
  }
  YuvMatrix matrix;
  for (int i = 0; i < 12; ++i) {
    const double unit = i % 4 == 3 ? 256 : 1;
    matrix[static_cast<size_t>(i / 4)][static_cast<size_t>(i % 4)] = unit * input.yuv_matrix(i);
  }
  return matrix;
}

YuvDecoder YuvDecoderOf(const v1::InputConfiguration& input) {
  const YuvMatrix matrix = YuvMatrixOf(input);
  YuvDecoder decoder;
  decoder.shift = kMaxShift;
  while (decoder.shift > 0 && std::ldexp(LargestSum(matrix), decoder.shift) >= kLargestExactSum) --decoder.shift;
  for (size_t row = 0; row < 3; ++row) {
    for (size_t i = 0; i < 4; ++i) {
      const double half = i == 3 ? 0.5 : 0;
      decoder.rows[row][i] = static_cast<int32_t>(std::lround(std::ldexp(matrix[row][i] + half, decoder.shift)));
    }
  }
  return decoder;
}

v1::InputConfiguration SampleInput(const v1::InputConfiguration& input) {
  v1::InputConfiguration sample = input;
  if (input.sample_format() != v1::SAMPLE_FORMAT_MODEL) return sample;
  if (input.element_type() != v1::ELEMENT_TYPE_NATIVE) sample.set_element_type(v1::ELEMENT_TYPE_FLOAT32);
  sample.set_layout(input.model_layout());
  sample.set_color_space(input.model_color_space());
  *sample.mutable_preprocessing() = input.sample_preprocessing();
  return sample;
}

v1::BuildConfiguration CalibratedInputs(const v1::BuildConfiguration& configuration) {
  v1::BuildConfiguration calibrated = configuration;
  for (v1::InputConfiguration& input : *calibrated.mutable_inputs()) {
    if (input.sample_format() != v1::SAMPLE_FORMAT_MODEL) continue;
    input = SampleInput(input);
    // Photos are prepared when they are loaded.
    input.clear_preprocessing();
  }
  return calibrated;
}

v1::BuildConfiguration InputsLeftOut(const v1::BuildConfiguration& configuration) {
  v1::BuildConfiguration left_out;
  for (const v1::InputConfiguration& input : configuration.inputs()) {
    if (input.sample_format() == v1::SAMPLE_FORMAT_MODEL) *left_out.add_inputs() = input;
  }
  return left_out;
}

}  // namespace joinery::compiler
