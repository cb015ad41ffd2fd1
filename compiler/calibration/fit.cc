#include "compiler/calibration/fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace joinery::compiler {
namespace {

constexpr uint8_t kGrey = 114;

// Weights are whole numbers of 1 / 2^22: a sum of 8-bit values times weights that add up to about 1 stays below 2^31.
constexpr int kWeightBits = 22;

// The source pixels of one target pixel: from `first` on, a weight each.
struct Taps {
  int first = 0;
  std::vector<int32_t> weights;
};

// One axis: `source` pixels are scaled to `scaled`, of which `count` from `begin` on are wanted.
struct Axis {
  int source = 0;
  int64_t scaled = 0;
  int64_t begin = 0;
  int count = 0;
};

Taps TapsOf(const Axis& axis, int64_t target) {
  const double scale = static_cast<double>(axis.source) / static_cast<double>(axis.scaled);
  const double support = std::max(scale, 1.0);
  const double center = (static_cast<double>(target) + 0.5) * scale;
  const int first = std::max(0, static_cast<int>(center - support + 0.5));
  const int end = std::min(axis.source, static_cast<int>(center + support + 0.5));
  std::vector<double> weights;
  weights.reserve(static_cast<size_t>(std::max(0, end - first)));
  double sum = 0;
  for (int i = first; i < end; ++i) {
    weights.push_back(std::max(0.0, 1.0 - std::abs((i + 0.5 - center) / support)));
    sum += weights.back();
  }
  Taps taps;
  taps.first = first;
  taps.weights.reserve(weights.size());
  for (const double weight : weights) {
    taps.weights.push_back(static_cast<int32_t>(std::lround(weight / sum * (1 << kWeightBits))));
  }
  return taps;
}

std::vector<Taps> TapsOf(const Axis& axis) {
  std::vector<Taps> taps;
  taps.reserve(static_cast<size_t>(axis.count));
  for (int i = 0; i < axis.count; ++i) taps.push_back(TapsOf(axis, axis.begin + i));
  return taps;
}

// The sum of the values at `source`, `stride` bytes apart, each times its weight.
uint8_t Weigh(const uint8_t* source, size_t stride, const std::vector<int32_t>& weights) {
  int32_t sum = 1 << (kWeightBits - 1);
  for (const int32_t weight : weights) {
    sum += weight * *source;
    source += stride;
  }
  return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255));
}

Image MakeImage(int width, int height, int channels, uint8_t value) {
  const size_t size = static_cast<size_t>(width) * static_cast<size_t>(height) * static_cast<size_t>(channels);
  return {width, height, channels, std::vector<uint8_t>(size, value)};
}

// Rows `begin` to `end` of `image`, each made `taps.size()` pixels wide.
Image ScaleRows(const Image& image, const std::vector<Taps>& taps, int begin, int end) {
  Image result = MakeImage(static_cast<int>(taps.size()), end - begin, image.channels, 0);
  const auto channels = static_cast<size_t>(image.channels);
  uint8_t* target = result.pixels.data();
  for (int y = begin; y < end; ++y) {
    const uint8_t* row = image.pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(image.width) * channels;
    for (const Taps& tap : taps) {
      const uint8_t* source = row + static_cast<size_t>(tap.first) * channels;
      for (size_t c = 0; c < channels; ++c) *target++ = Weigh(source + c, channels, tap.weights);
    }
  }
  return result;
}

// `image`, whose first row is row `first_row` of what `taps` speak of, made `taps.size()` pixels high.
Image ScaleColumns(const Image& image, const std::vector<Taps>& taps, int first_row) {
  Image result = MakeImage(image.width, static_cast<int>(taps.size()), image.channels, 0);
  const size_t row_size = static_cast<size_t>(image.width) * static_cast<size_t>(image.channels);
  uint8_t* target = result.pixels.data();
  for (const Taps& tap : taps) {
    const uint8_t* source = image.pixels.data() + static_cast<size_t>(tap.first - first_row) * row_size;
    for (size_t x = 0; x < row_size; ++x) *target++ = Weigh(source + x, row_size, tap.weights);
  }
  return result;
}

std::vector<Taps> IdentityTaps(const Axis& axis) {
  std::vector<Taps> taps;
  taps.reserve(static_cast<size_t>(axis.count));
  for (int i = 0; i < axis.count; ++i) taps.push_back({static_cast<int>(axis.begin) + i, {1 << kWeightBits}});
  return taps;
}

// The wanted window of the scaled image. Computes no pixel outside it: scaled to cover an input, a very long and narrow
// picture would be enormous.
Image ScaleAndCrop(const Image& image, const Axis& x, const Axis& y) {
  const std::vector<Taps> columns = x.scaled == x.source ? IdentityTaps(x) : TapsOf(x);
  const std::vector<Taps> rows = y.scaled == y.source ? IdentityTaps(y) : TapsOf(y);
  const int first_row = rows.front().first;
  int end_row = 0;
  for (const Taps& row : rows) end_row = std::max(end_row, row.first + static_cast<int>(row.weights.size()));
  return ScaleColumns(ScaleRows(image, columns, first_row, end_row), rows, first_row);
}

// `a` * `b` / `c`, rounded, but at least 1.
int64_t ScaledSize(int64_t a, int64_t b, int64_t c) { return std::max<int64_t>(1, (2 * a * b + c) / (2 * c)); }

// The size of `image` when it is scaled, in proportion, so that its width (if `by_width`) or its height fits exactly.
std::pair<int64_t, int64_t> InProportion(const Image& image, int width, int height, bool by_width) {
  if (by_width) return {width, ScaledSize(image.height, width, image.width)};
  return {ScaledSize(image.width, height, image.height), height};
}

Image Cover(const Image& image, int width, int height) {
  const bool by_width = int64_t{width} * image.height >= int64_t{height} * image.width;
  auto [scaled_width, scaled_height] = InProportion(image, width, height, by_width);
  scaled_width = std::max<int64_t>(scaled_width, width);
  scaled_height = std::max<int64_t>(scaled_height, height);
  return ScaleAndCrop(image, {image.width, scaled_width, (scaled_width - width) / 2, width},
                      {image.height, scaled_height, (scaled_height - height) / 2, height});
}

Image Stretch(const Image& image, int width, int height) {
  return ScaleAndCrop(image, {image.width, width, 0, width}, {image.height, height, 0, height});
}

Image Letterbox(const Image& image, int width, int height) {
  const bool by_width = int64_t{width} * image.height <= int64_t{height} * image.width;
  const auto [scaled_width, scaled_height] = InProportion(image, width, height, by_width);
  const Image inner = Stretch(image, static_cast<int>(std::min<int64_t>(scaled_width, width)),
                              static_cast<int>(std::min<int64_t>(scaled_height, height)));
  Image result = MakeImage(width, height, image.channels, kGrey);
  const int left = (width - inner.width) / 2;
  const int top = (height - inner.height) / 2;
  const auto channels = static_cast<size_t>(image.channels);
  const size_t row_size = static_cast<size_t>(inner.width) * channels;
  for (int y = 0; y < inner.height; ++y) {
    const size_t offset =
        (static_cast<size_t>(top + y) * static_cast<size_t>(width) + static_cast<size_t>(left)) * channels;
    std::copy_n(inner.pixels.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(y) * row_size), row_size,
                result.pixels.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return result;
}

}  // namespace

Image FitImage(const Image& image, int width, int height, v1::ImageFit fit) {
  if (image.width == width && image.height == height) return image;
  if (fit == v1::IMAGE_FIT_STRETCH) return Stretch(image, width, height);
  if (fit == v1::IMAGE_FIT_LETTERBOX) return Letterbox(image, width, height);
  return Cover(image, width, height);
}

}  // namespace joinery::compiler
