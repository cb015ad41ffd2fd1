#include "compiler/calibration/sample.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/calibration/encode_yuv.h"
#include "compiler/calibration/fit.h"
#include "compiler/calibration/image.h"
#include "compiler/calibration/member_name.h"
#include "compiler/calibration/npy.h"
#include "compiler/calibration/npy_header.h"
#include "compiler/calibration/numpy_object.h"
#include "compiler/configuration/deployed_input.h"
#include "compiler/configuration/preprocessing_steps.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// Of a deployed picture.
struct PictureShape {
  int width = 0;
  int height = 0;
  int channels = 0;
};

std::string TypeName(int32_t element_type) {
  const std::string name = onnx::TensorProto_DataType_Name(static_cast<onnx::TensorProto::DataType>(element_type));
  return element_type == onnx::TensorProto::FLOAT ? "float32" : absl::AsciiStrToLower(name);
}

std::string LayoutName(const v1::InputConfiguration& input) {
  if (!IsPicture(input)) return "";
  return input.layout() == v1::LAYOUT_NHWC ? " (NHWC)" : " (NCHW)";
}

std::string ShapeName(const std::vector<int64_t>& shape) { return absl::StrCat("[", absl::StrJoin(shape, "x"), "]"); }

absl::Status Refused(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(ShowName(name), ": ", what));
}

absl::StatusOr<PictureShape> DeployedPicture(absl::string_view name, const v1::InputConfiguration& input) {
  const std::vector<int64_t> shape = DeployedShape(input);
  if (!IsPicture(input)) {
    return Refused(name, absl::StrCat("is a photo, and input \"", input.name(), "\" of shape ", ShapeName(shape),
                                      " takes none; give npy files of that shape"));
  }
  if (shape[0] != 1) {
    return Refused(name, absl::StrCat("is one photo, and input \"", input.name(), "\" takes ", shape[0],
                                      " at a time; give npy files of shape ", ShapeName(shape)));
  }
  if (input.element_type() == v1::ELEMENT_TYPE_INT8) {
    return Refused(name, absl::StrCat("is a photo, whose values go to 255, and input \"", input.name(),
                                      "\" takes int8; give npy files, or configure the input to take uint8"));
  }
  const PictureSize size = ModelPicture(input);
  if (size.height < 1 || size.width < 1 || size.height > kMaxImageSide || size.width > kMaxImageSide ||
      size.height * size.width > kMaxPixels) {
    return Refused(name, absl::StrCat("no photo can have the size of input \"", input.name(), "\", ", size.width, "x",
                                      size.height, " pixels"));
  }
  return PictureShape{static_cast<int>(size.width), static_cast<int>(size.height),
                      input.color_space() == v1::COLOR_SPACE_GRAY ? 1 : 3};
}

std::string FitNote(const Image& image, const PictureShape& wanted, v1::ImageFit fit) {
  const auto size = [](int width, int height) { return absl::StrCat(width, "x", height); };
  if (image.width == wanted.width && image.height == wanted.height) return "";
  const std::string from = size(image.width, image.height);
  const std::string to = size(wanted.width, wanted.height);
  if (fit == v1::IMAGE_FIT_STRETCH) return absl::StrCat(from, " stretched to ", to);
  if (fit == v1::IMAGE_FIT_LETTERBOX) return absl::StrCat(from, " letterboxed to ", to);
  // One side fits and the other stands over: nothing is scaled.
  const bool only_cropped = (image.width == wanted.width && image.height > wanted.height) ||
                            (image.height == wanted.height && image.width > wanted.width);
  if (only_cropped) return absl::StrCat(from, " centre-cropped to ", to);
  const bool in_proportion = int64_t{image.width} * wanted.height == int64_t{image.height} * wanted.width;
  return absl::StrCat(from, in_proportion ? " scaled to " : " scaled and centre-cropped to ", to);
}

// ITU-R 601 in units of 1 / 65536, rounded.
uint8_t Luminance(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

// Makes the channels of `image` (RGB or grey) those of `color_space`.
Image ConvertColors(const Image& image, v1::ColorSpace color_space, int channels) {
  const size_t pixels = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  Image result{image.width, image.height, channels, std::vector<uint8_t>(pixels * static_cast<size_t>(channels))};
  const bool swap = color_space == v1::COLOR_SPACE_BGR || color_space == v1::COLOR_SPACE_BGRX;
  for (size_t i = 0; i < pixels; ++i) {
    const uint8_t* source = image.pixels.data() + i * static_cast<size_t>(image.channels);
    uint8_t* target = result.pixels.data() + i * static_cast<size_t>(channels);
    if (channels == 1) {
      target[0] = image.channels == 1 ? source[0] : Luminance(source);
      continue;
    }
    const size_t step = image.channels == 1 ? 0 : 1;
    target[0] = source[swap ? 2 * step : 0];
    target[1] = source[step];
    target[2] = source[swap ? 0 : 2 * step];
  }
  return result;
}

// The bytes of pixels with each channel's plane on its own.
std::vector<uint8_t> ToPlanes(const std::vector<uint8_t>& bytes, size_t channels) {
  const size_t pixels = bytes.size() / channels;
  std::vector<uint8_t> planes(bytes.size());
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < pixels; ++i) planes[c * pixels + i] = bytes[i * channels + c];
  }
  return planes;
}

// The spare channel is what most cameras put there.
std::vector<uint8_t> WithSpareChannel(const Image& image) {
  std::vector<uint8_t> bytes;
  bytes.reserve(image.pixels.size() / 3 * 4);
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    bytes.insert(bytes.end(), image.pixels.begin() + static_cast<std::ptrdiff_t>(i),
                 image.pixels.begin() + static_cast<std::ptrdiff_t>(i + 3));
    bytes.push_back(0xff);
  }
  return bytes;
}

// The bits of a whole number up to 255 as a float of 16 bits, which has it exactly.
uint16_t ToHalf(uint8_t value) {
  if (value == 0) return 0;
  int exponent = 7;
  while ((value >> exponent) == 0) --exponent;
  const int fraction = (value << (10 - exponent)) & 0x3ff;
  return static_cast<uint16_t>((exponent + 15) << 10 | fraction);
}

template <typename T>
Tensor Widen(const std::vector<uint8_t>& bytes, const v1::InputConfiguration& input) {
  const std::vector<T> values(bytes.begin(), bytes.end());
  return MakeTensor<T>(DeployedElementType(input), DeployedShape(input), values);
}

Tensor MakePictureTensor(const std::vector<uint8_t>& bytes, const v1::InputConfiguration& input) {
  switch (input.element_type()) {
    case v1::ELEMENT_TYPE_UINT8:
      return MakeTensor<uint8_t>(onnx::TensorProto::UINT8, DeployedShape(input), bytes);
    case v1::ELEMENT_TYPE_UINT16:
    case v1::ELEMENT_TYPE_INT16:
      return Widen<uint16_t>(bytes, input);
    case v1::ELEMENT_TYPE_UINT32:
    case v1::ELEMENT_TYPE_INT32:
      return Widen<uint32_t>(bytes, input);
    case v1::ELEMENT_TYPE_FLOAT16: {
      std::vector<uint16_t> halves(bytes.size());
      std::transform(bytes.begin(), bytes.end(), halves.begin(), ToHalf);
      return MakeTensor<uint16_t>(onnx::TensorProto::FLOAT16, DeployedShape(input), halves);
    }
    default:
      return Widen<float>(bytes, input);
  }
}

// What the graph does for a deployed input is done here for samples that go to the float model itself.
void ApplySteps(const v1::InputConfiguration& sample, Tensor& tensor) {
  const absl::Span<float> values = tensor.mutable_values<float>();
  const auto channels = static_cast<size_t>(ModelPicture(sample).channels);
  const size_t run = sample.model_layout() == v1::LAYOUT_NCHW ? values.size() / channels : 1;
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t channel = i / run % channels;
    double value = values[i];
    for (const v1::PreprocessingStep& step : sample.preprocessing()) {
      if (step.has_affine()) {
        value = value * StepValue(step.affine().scale(), channel, 1) + StepValue(step.affine().bias(), channel, 0);
      } else {
        value = (value - StepValue(step.normalization().mean(), channel, 0)) /
                StepValue(step.normalization().std(), channel, 1);
      }
    }
    values[i] = static_cast<float>(value);
  }
}

// The bytes of a fitted photo in the order the deployed input has them.
absl::StatusOr<std::vector<uint8_t>> ArrangeBytes(absl::string_view name, const Image& image,
                                                  const v1::InputConfiguration& input) {
  if (IsYuv(input.color_space())) {
    absl::StatusOr<std::vector<uint8_t>> bytes = EncodeYuv(image, input);
    if (!bytes.ok()) return Refused(name, bytes.status().message());
    return bytes;
  }
  const bool has_spare = DeployedChannels(input.color_space()) == 4;
  std::vector<uint8_t> bytes = has_spare ? WithSpareChannel(image) : image.pixels;
  const auto channels = static_cast<size_t>(has_spare ? 4 : image.channels);
  return input.layout() == v1::LAYOUT_NCHW ? ToPlanes(bytes, channels) : bytes;
}

absl::StatusOr<LoadedSample> LoadPhoto(absl::string_view name, absl::string_view bytes,
                                       const v1::InputConfiguration& input, v1::ImageFit fit) {
  ASSIGN_OR_RETURN(const PictureShape wanted, DeployedPicture(name, input));
  ASSIGN_OR_RETURN(const Image image, DecodeImage(bytes, name));
  // Colours first: then scaling rounds the values that are used.
  const Image colored = ConvertColors(image, input.color_space(), wanted.channels);
  const Image fitted = FitImage(colored, wanted.width, wanted.height, fit);
  ASSIGN_OR_RETURN(const std::vector<uint8_t> arranged, ArrangeBytes(name, fitted, input));
  LoadedSample loaded{MakePictureTensor(arranged, input), FitNote(image, wanted, fit)};
  if (input.sample_format() == v1::SAMPLE_FORMAT_MODEL) ApplySteps(input, loaded.tensor);
  return loaded;
}

template <typename T>
bool AllFinite(const Tensor& tensor) {
  const absl::Span<const T> values = tensor.values<T>();
  return std::all_of(values.begin(), values.end(), [](T value) { return std::isfinite(value); });
}

// An exponent of all ones is infinity or NaN.
bool AllFiniteHalf(const Tensor& tensor) {
  const absl::Span<const uint16_t> values = tensor.values<uint16_t>();
  return std::all_of(values.begin(), values.end(), [](uint16_t value) { return (value & 0x7c00) != 0x7c00; });
}

absl::Status CheckFinite(absl::string_view name, const Tensor& tensor) {
  bool finite = true;
  if (tensor.element_type == onnx::TensorProto::FLOAT) finite = AllFinite<float>(tensor);
  if (tensor.element_type == onnx::TensorProto::DOUBLE) finite = AllFinite<double>(tensor);
  if (tensor.element_type == onnx::TensorProto::FLOAT16) finite = AllFiniteHalf(tensor);
  if (finite) return absl::OkStatus();
  return Refused(name, "contains NaN or infinity, from which no range can be found; remove the sample or mend it");
}

bool HasShape(const Tensor& tensor, const std::vector<int64_t>& shape) {
  if (tensor.shape == shape) return true;
  return !shape.empty() && shape[0] == 1 && std::vector<int64_t>(shape.begin() + 1, shape.end()) == tensor.shape;
}

absl::StatusOr<LoadedSample> LoadArray(absl::string_view name, absl::string_view bytes,
                                       const v1::InputConfiguration& input) {
  absl::StatusOr<Tensor> parsed =
      IsNumpyObject(bytes) ? ParseNumpyObject(bytes, name, input.name()) : ParseNpy(bytes, name);
  if (!parsed.ok()) return parsed.status();
  Tensor tensor = *std::move(parsed);
  const std::vector<int64_t> shape = DeployedShape(input);
  const bool native = input.element_type() == v1::ELEMENT_TYPE_NATIVE;
  if ((!native && tensor.element_type != DeployedElementType(input)) || !HasShape(tensor, shape)) {
    const std::string type = native ? "" : absl::StrCat(TypeName(DeployedElementType(input)), " ");
    return Refused(name, absl::StrCat("is ", TypeName(tensor.element_type), " ", ShapeName(tensor.shape), "; input \"",
                                      input.name(), "\" takes ", type, ShapeName(shape), LayoutName(input),
                                      "; save the array so, or configure the input to take it"));
  }
  RETURN_IF_ERROR(CheckFinite(name, tensor));
  tensor.shape = shape;
  return LoadedSample{std::move(tensor), ""};
}

}  // namespace

absl::StatusOr<LoadedSample> LoadSample(absl::string_view name, absl::string_view bytes,
                                        const v1::InputConfiguration& input, v1::ImageFit fit) {
  const v1::InputConfiguration sample = SampleInput(input);
  if (absl::StartsWith(bytes, kNpyMagic) || absl::EndsWithIgnoreCase(name, ".npy")) {
    return LoadArray(name, bytes, sample);
  }
  if (absl::EndsWithIgnoreCase(name, ".bin")) {
    ASSIGN_OR_RETURN(Tensor tensor, LoadRaw(name, bytes, sample));
    return LoadedSample{std::move(tensor), ""};
  }
  return LoadPhoto(name, bytes, sample, fit);
}

absl::StatusOr<Tensor> LoadRaw(absl::string_view name, absl::string_view bytes, const v1::InputConfiguration& input) {
  const auto element_size = static_cast<int64_t>(ElementSize(DeployedElementType(input)));
  if (element_size == 0) {
    return Refused(name, absl::StrCat("bytes alone do not tell the element type of input \"", input.name(),
                                      "\"; give an npy file"));
  }
  const std::vector<int64_t> shape = DeployedShape(input);
  const int64_t expected = NumElements(shape) * element_size;
  if (static_cast<int64_t>(bytes.size()) != expected) {
    return Refused(name,
                   absl::StrCat("has ", bytes.size(), " bytes; input \"", input.name(), "\" takes ", expected, ": ",
                                TypeName(DeployedElementType(input)), " ", ShapeName(shape), LayoutName(input)));
  }
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  Tensor tensor{DeployedElementType(input), shape, std::vector<std::byte>(begin, begin + bytes.size())};
  RETURN_IF_ERROR(CheckFinite(name, tensor));
  return tensor;
}

}  // namespace joinery::compiler
