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
#include "compiler/calibration/fit.h"
#include "compiler/calibration/image.h"
#include "compiler/calibration/member_name.h"
#include "compiler/calibration/npy.h"

namespace joinery::compiler {
namespace {

// Of a deployed picture.
struct PictureShape {
  int width = 0;
  int height = 0;
  int channels = 0;
};

bool IsPicture(const v1::InputConfiguration& input) {
  return (input.layout() == v1::LAYOUT_NHWC || input.layout() == v1::LAYOUT_NCHW) && input.model_shape_size() == 4;
}

int32_t ElementType(const v1::InputConfiguration& input) {
  return input.element_type() == v1::ELEMENT_TYPE_UINT8 ? onnx::TensorProto::UINT8 : onnx::TensorProto::FLOAT;
}

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
  const bool nhwc = input.layout() == v1::LAYOUT_NHWC;
  const int64_t height = shape[nhwc ? 1 : 2];
  const int64_t width = shape[nhwc ? 2 : 3];
  if (height < 1 || width < 1 || height > kMaxImageSide || width > kMaxImageSide || height * width > kMaxPixels) {
    return Refused(name, absl::StrCat("no photo can have the size of input \"", input.name(), "\", ", width, "x",
                                      height, " pixels"));
  }
  return PictureShape{static_cast<int>(width), static_cast<int>(height), static_cast<int>(shape[nhwc ? 3 : 1])};
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
  const bool swap = color_space == v1::COLOR_SPACE_BGR;
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

// The bytes of `image` with each channel's plane on its own.
std::vector<uint8_t> ToPlanes(const Image& image) {
  const auto channels = static_cast<size_t>(image.channels);
  const size_t pixels = image.pixels.size() / channels;
  std::vector<uint8_t> planes(image.pixels.size());
  for (size_t c = 0; c < channels; ++c) {
    for (size_t i = 0; i < pixels; ++i) planes[c * pixels + i] = image.pixels[i * channels + c];
  }
  return planes;
}

Tensor MakePictureTensor(const Image& image, const v1::InputConfiguration& input) {
  const std::vector<uint8_t> bytes = input.layout() == v1::LAYOUT_NCHW ? ToPlanes(image) : image.pixels;
  if (ElementType(input) == onnx::TensorProto::UINT8) {
    return MakeTensor<uint8_t>(onnx::TensorProto::UINT8, DeployedShape(input), bytes);
  }
  const std::vector<float> values(bytes.begin(), bytes.end());
  return MakeTensor<float>(onnx::TensorProto::FLOAT, DeployedShape(input), values);
}

absl::StatusOr<LoadedSample> LoadPhoto(absl::string_view name, absl::string_view bytes,
                                       const v1::InputConfiguration& input, v1::ImageFit fit) {
  ASSIGN_OR_RETURN(const PictureShape wanted, DeployedPicture(name, input));
  ASSIGN_OR_RETURN(const Image image, DecodeImage(bytes, name));
  // Colours first: then scaling rounds the values that are used.
  const Image colored = ConvertColors(image, input.color_space(), wanted.channels);
  const Image fitted = FitImage(colored, wanted.width, wanted.height, fit);
  return LoadedSample{MakePictureTensor(fitted, input), FitNote(image, wanted, fit)};
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
  ASSIGN_OR_RETURN(Tensor tensor, ParseNpy(bytes, name));
  const std::vector<int64_t> shape = DeployedShape(input);
  const bool native = input.element_type() == v1::ELEMENT_TYPE_NATIVE;
  if ((!native && tensor.element_type != ElementType(input)) || !HasShape(tensor, shape)) {
    const std::string type = native ? "" : absl::StrCat(TypeName(ElementType(input)), " ");
    return Refused(name, absl::StrCat("is ", TypeName(tensor.element_type), " ", ShapeName(tensor.shape), "; input \"",
                                      input.name(), "\" takes ", type, ShapeName(shape), LayoutName(input),
                                      "; save the array so, or configure the input to take it"));
  }
  RETURN_IF_ERROR(CheckFinite(name, tensor));
  tensor.shape = shape;
  return LoadedSample{std::move(tensor), ""};
}

}  // namespace

std::vector<int64_t> DeployedShape(const v1::InputConfiguration& input) {
  const auto& model = input.model_shape();
  const bool to_nhwc = input.model_layout() == v1::LAYOUT_NCHW && input.layout() == v1::LAYOUT_NHWC;
  const bool to_nchw = input.model_layout() == v1::LAYOUT_NHWC && input.layout() == v1::LAYOUT_NCHW;
  if (model.size() == 4 && to_nhwc) return {model[0], model[2], model[3], model[1]};
  if (model.size() == 4 && to_nchw) return {model[0], model[3], model[1], model[2]};
  return {model.begin(), model.end()};
}

absl::StatusOr<LoadedSample> LoadSample(absl::string_view name, absl::string_view bytes,
                                        const v1::InputConfiguration& input, v1::ImageFit fit) {
  const bool is_npy = absl::StartsWith(bytes, "\x93NUMPY") || absl::EndsWithIgnoreCase(name, ".npy");
  return is_npy ? LoadArray(name, bytes, input) : LoadPhoto(name, bytes, input, fit);
}

absl::StatusOr<Tensor> LoadRaw(absl::string_view name, absl::string_view bytes, const v1::InputConfiguration& input) {
  if (input.element_type() == v1::ELEMENT_TYPE_NATIVE) {
    return Refused(name, absl::StrCat("bytes alone do not tell the element type of input \"", input.name(),
                                      "\"; give an npy file"));
  }
  const std::vector<int64_t> shape = DeployedShape(input);
  const int64_t element_size = ElementType(input) == onnx::TensorProto::UINT8 ? 1 : 4;
  const int64_t expected = NumElements(shape) * element_size;
  if (static_cast<int64_t>(bytes.size()) != expected) {
    return Refused(name, absl::StrCat("has ", bytes.size(), " bytes; input \"", input.name(), "\" takes ", expected,
                                      ": ", TypeName(ElementType(input)), " ", ShapeName(shape), LayoutName(input)));
  }
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  Tensor tensor{ElementType(input), shape, std::vector<std::byte>(begin, begin + bytes.size())};
  RETURN_IF_ERROR(CheckFinite(name, tensor));
  return tensor;
}

}  // namespace joinery::compiler
