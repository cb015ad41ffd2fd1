#include "compiler/calibration/encode_yuv.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "base/status.h"
#include "compiler/configuration/deployed_input.h"

namespace joinery::compiler {
namespace {

using Vector = std::array<double, 3>;
using Matrix = std::array<Vector, 3>;

absl::StatusOr<Matrix> Inverse(const YuvMatrix& m) {
  const auto minor = [&](size_t row, size_t column) {
    const size_t r0 = row == 0 ? 1 : 0;
    const size_t r1 = row == 2 ? 1 : 2;
    const size_t c0 = column == 0 ? 1 : 0;
    const size_t c1 = column == 2 ? 1 : 2;
    return m[r0][c0] * m[r1][c1] - m[r0][c1] * m[r1][c0];
  };
  const double determinant = m[0][0] * minor(0, 0) - m[0][1] * minor(0, 1) + m[0][2] * minor(0, 2);
  if (!(std::abs(determinant) > 1e-9)) {
    return absl::InvalidArgumentError(
        "the matrix from YUV to RGB has no inverse, so photos cannot be made what the camera gives; give npy or bin "
        "files for calibration");
  }
  Matrix inverse;
  for (size_t i = 0; i < 3; ++i) {
    for (size_t j = 0; j < 3; ++j) inverse[i][j] = ((i + j) % 2 == 0 ? 1 : -1) * minor(j, i) / determinant;
  }
  return inverse;
}

uint8_t ToByte(double value) { return static_cast<uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0)); }

class Encoder {
 public:
  Encoder(const Image& image, const YuvMatrix& matrix, const Matrix& inverse)
      : image_(image), matrix_(matrix), inverse_(inverse) {}

  Vector At(int x, int y) const {
    const size_t offset = (static_cast<size_t>(y) * static_cast<size_t>(image_.width) + static_cast<size_t>(x)) * 3;
    Vector yuv{};
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j < 3; ++j) yuv[i] += inverse_[i][j] * (image_.pixels[offset + j] - matrix_[j][3]);
    }
    return yuv;
  }

  // U or V (`part` 1 or 2), the mean over `rows` x 2 pixels.
  uint8_t Chroma(int x, int y, int rows, size_t part) const {
    double sum = 0;
    for (int i = 0; i < rows; ++i) sum += At(x, y + i)[part] + At(x + 1, y + i)[part];
    return ToByte(sum / (2 * rows));
  }

  uint8_t Luma(int x, int y) const { return ToByte(At(x, y)[0]); }

 private:
  const Image& image_;
  const YuvMatrix& matrix_;
  const Matrix& inverse_;
};

std::vector<uint8_t> EncodePlanes(const Encoder& encoder, const Image& image, bool is_vu) {
  std::vector<uint8_t> bytes;
  bytes.reserve(image.pixels.size() / 2);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) bytes.push_back(encoder.Luma(x, y));
  }
  for (int y = 0; y < image.height; y += 2) {
    for (int x = 0; x < image.width; x += 2) {
      bytes.push_back(encoder.Chroma(x, y, 2, is_vu ? 2 : 1));
      bytes.push_back(encoder.Chroma(x, y, 2, is_vu ? 1 : 2));
    }
  }
  return bytes;
}

std::vector<uint8_t> EncodePairs(const Encoder& encoder, const Image& image, bool is_chroma_first) {
  std::vector<uint8_t> bytes;
  bytes.reserve(image.pixels.size() * 2 / 3);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const uint8_t luma = encoder.Luma(x, y);
      const uint8_t chroma = encoder.Chroma(x - x % 2, y, 1, x % 2 == 0 ? 1 : 2);
      bytes.push_back(is_chroma_first ? chroma : luma);
      bytes.push_back(is_chroma_first ? luma : chroma);
    }
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::vector<uint8_t>> EncodeYuv(const Image& image, const v1::InputConfiguration& input) {
  const YuvMatrix matrix = YuvMatrixOf(input);
  ASSIGN_OR_RETURN(const Matrix inverse, Inverse(matrix));
  const Encoder encoder(image, matrix, inverse);
  switch (input.color_space()) {
    case v1::COLOR_SPACE_NV12:
    case v1::COLOR_SPACE_NV21:
      return EncodePlanes(encoder, image, input.color_space() == v1::COLOR_SPACE_NV21);
    default:
      return EncodePairs(encoder, image, input.color_space() == v1::COLOR_SPACE_UYVY);
  }
}

}  // namespace joinery::compiler
