#include "compiler/backend/convert_colors.h"

#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "compiler/configuration/deployed_input.h"

namespace joinery::compiler {
namespace {

// ITU-R BT.601 in units of 1 / 65536.
constexpr int kLumaShift = 16;
constexpr int32_t kLumaOfRgb[] = {19595, 38470, 7471};

Tensor Scalar(float value) { return MakeTensor<float>(onnx::TensorProto::FLOAT, {}, {value}); }

void AppendReshape(NodeChain& chain, const std::vector<int64_t>& shape) {
  chain.AppendWithConstant("Reshape", Int64Constant(shape));
}

// The part [begin, end) of one dimension of `tensor`.
void AppendSlice(NodeChain& chain, int64_t axis, int64_t begin, int64_t end) {
  chain.Append("Slice", {chain.AddConstant("slice_begin", Int64Constant({begin})),
                         chain.AddConstant("slice_end", Int64Constant({end})),
                         chain.AddConstant("axis", Int64Constant({axis}))});
}

// A convolution that mixes channels in each pixel: whole numbers, of which 2^shift make one.
void AppendMixing(NodeChain& chain, const std::vector<std::vector<int32_t>>& factors, const std::vector<int32_t>& terms,
                  int shift, bool is_rounded) {
  std::vector<float> weights;
  for (const std::vector<int32_t>& row : factors) weights.insert(weights.end(), row.begin(), row.end());
  const std::vector<float> biases(terms.begin(), terms.end());
  const auto channels = static_cast<int64_t>(factors.size());
  const auto inputs = static_cast<int64_t>(factors[0].size());
  chain.Append("Conv",
               {chain.AddConstant("color_factors",
                                  MakeTensor<float>(onnx::TensorProto::FLOAT, {channels, inputs, 1, 1}, weights)),
                chain.AddConstant("color_terms", MakeTensor<float>(onnx::TensorProto::FLOAT, {channels}, biases))});
  chain.AppendWithConstant("Mul", Scalar(std::ldexp(1.0F, -shift)));
  if (!is_rounded) return;
  chain.Append("Floor");
  chain.Append("Clip", {chain.AddConstant("least", Scalar(0)), chain.AddConstant("most", Scalar(255))});
}

void AppendUpsampling(NodeChain& chain, float rows, float columns) {
  const std::string scales =
      chain.AddConstant("scales", MakeTensor<float>(onnx::TensorProto::FLOAT, {4}, {1, 1, rows, columns}));
  onnx::NodeProto* resize = chain.Append("Resize", {"", scales});
  const auto set = [&](const char* name, const char* value) {
    onnx::AttributeProto* attribute = resize->add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::STRING);
    attribute->set_s(value);
  };
  set("mode", "nearest");
  set("coordinate_transformation_mode", "asymmetric");
  set("nearest_mode", "floor");
}

bool HasChromaFirst(v1::ColorSpace colors) { return colors == v1::COLOR_SPACE_UYVY; }

// Leaves the chain at the chroma, [N, 2, height, width], and returns the luma, [N, 1, height, width].
std::string SplitPlanes(NodeChain& chain, const v1::InputConfiguration& input, const PictureSize& size) {
  const bool is_planar = input.color_space() == v1::COLOR_SPACE_NV12 || input.color_space() == v1::COLOR_SPACE_NV21;
  if (is_planar) AppendReshape(chain, {-1, 1, size.height * 3 / 2, size.width});
  const std::string all = chain.end();
  const int64_t axis = is_planar ? 2 : 3;
  const int64_t middle = is_planar ? size.height : 1;
  const int64_t whole = is_planar ? size.height * 3 / 2 : 2;
  const bool is_swapped = HasChromaFirst(input.color_space());
  AppendSlice(chain, axis, is_swapped ? middle : 0, is_swapped ? whole : middle);
  AppendReshape(chain, {-1, 1, size.height, size.width});
  std::string luma = chain.end();
  chain.ContinueFrom(all);
  AppendSlice(chain, axis, is_swapped ? 0 : middle, is_swapped ? middle : whole);
  AppendReshape(chain, {-1, is_planar ? size.height / 2 : size.height, size.width / 2, 2});
  SetIntsAttribute(chain.Append("Transpose"), "perm", {0, 3, 1, 2});
  AppendUpsampling(chain, is_planar ? 2 : 1, 2);
  return luma;
}

// Ends channels first.
void AppendYuv(NodeChain& chain, const v1::InputConfiguration& input) {
  const PictureSize size = ModelPicture(input);
  const YuvDecoder decoder = YuvDecoderOf(input);
  const std::string luma = SplitPlanes(chain, input, size);
  if (size.channels == 1) {
    chain.ContinueFrom(luma);
    // Where there is no colour, every row has the same of luma.
    const auto& green = decoder.rows[1];
    AppendMixing(chain, {{green[0]}}, {green[3] + 128 * (green[1] + green[2])}, decoder.shift, true);
    return;
  }
  SetIntAttribute(chain.Join("Concat", {luma, chain.end()}), "axis", 1);
  std::vector<std::vector<int32_t>> factors;
  std::vector<int32_t> terms;
  const bool is_vu = input.color_space() == v1::COLOR_SPACE_NV21;
  for (size_t i = 0; i < 3; ++i) {
    const auto& row = decoder.rows[input.model_color_space() == v1::COLOR_SPACE_BGR ? 2 - i : i];
    factors.push_back({row[0], row[is_vu ? 2 : 1], row[is_vu ? 1 : 2]});
    terms.push_back(row[3]);
  }
  AppendMixing(chain, factors, terms, decoder.shift, true);
}

// Ends channels first.
void AppendGray(NodeChain& chain, const v1::InputConfiguration& input) {
  if (input.layout() == v1::LAYOUT_NHWC) SetIntsAttribute(chain.Append("Transpose"), "perm", {0, 3, 1, 2});
  if (input.color_space() == v1::COLOR_SPACE_GRAY) {
    SetIntAttribute(chain.Join("Concat", {chain.end(), chain.end(), chain.end()}), "axis", 1);
    return;
  }
  std::vector<int32_t> factors(std::begin(kLumaOfRgb), std::end(kLumaOfRgb));
  const bool is_bgr = input.color_space() == v1::COLOR_SPACE_BGR || input.color_space() == v1::COLOR_SPACE_BGRX;
  if (is_bgr) std::swap(factors.front(), factors.back());
  const bool is_whole = input.element_type() != v1::ELEMENT_TYPE_FLOAT32;
  AppendMixing(chain, {factors}, {is_whole ? 1 << (kLumaShift - 1) : 0}, kLumaShift, is_whole);
}

}  // namespace

void AppendColorConversion(NodeChain& chain, const v1::InputConfiguration& input) {
  if (IsYuv(input.color_space())) {
    AppendYuv(chain, input);
  } else {
    AppendGray(chain, input);
  }
  if (input.model_layout() == v1::LAYOUT_NHWC) {
    SetIntsAttribute(chain.Append("Transpose"), "perm", {0, 2, 3, 1});
  }
}

}  // namespace joinery::compiler
