// What the artifact takes at an input, as its configuration says it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// Width and height of a picture, in pixels, and its channels as the float model has them.
struct PictureSize {
  int64_t width = 0;
  int64_t height = 0;
  int64_t channels = 0;
};

// Whether the float model takes pictures there: rank 4, and a layout.
bool IsPicture(const v1::InputConfiguration& input);

// Of a picture.
PictureSize ModelPicture(const v1::InputConfiguration& input);

// NV12, NV21, YUYV, UYVY.
bool IsYuv(v1::ColorSpace color_space);

// The size of a deployed picture's channel dimension: 1 for GRAY, 3 for RGB and BGR, 4 with a channel to spare, 2 for
// YUYV and UYVY, 1 for NV12 and NV21 (whose rows are half as many again). 0 for NONE.
int64_t DeployedChannels(v1::ColorSpace color_space);

// Whether the deployed channels are the model's in the opposite order, with or without one to spare.
bool SwapsRedAndBlue(const v1::InputConfiguration& input);

// Whether colours are converted by arithmetic: YUV, and GRAY where the model takes three channels or the other way
// round. Preprocessing is then in the order of the model's channels, else in that of the deployed ones.
bool ConvertsColors(const v1::InputConfiguration& input);

// The shape of the deployed input: `input.model_shape` with its channels where `input.layout` has them and as many as
// `input.color_space` has; NV12 and NV21 [N, height * 3 / 2, width, 1], YUYV and UYVY [N, height, width, 2].
std::vector<int64_t> DeployedShape(const v1::InputConfiguration& input);

// onnx::TensorProto::DataType. For NATIVE what the model declares, 0 if the configuration does not have it.
int32_t DeployedElementType(const v1::InputConfiguration& input);

// YUV to red, green, blue in whole numbers:
//
//   channel = clamp(floor((row[0] * Y + row[1] * U + row[2] * V + row[3]) / 2^shift), 0, 255)
//
// The term in row[3] has the half that rounds. No sum reaches 2^24, so float32 computes the same in any order.
struct YuvDecoder {
  int shift = 0;
  std::array<std::array<int32_t, 4>, 3> rows{};
};

// The exact matrix the decoder is rounded from: three rows of factors of Y, U, V and a term.
// Source: ITU-R BT.601-7, 2.5.1 (luma 0.299, 0.587, 0.114) and 2.5.3 (limited range).
using YuvMatrix = std::array<std::array<double, 4>, 3>;

YuvMatrix YuvMatrixOf(const v1::InputConfiguration& input);
YuvDecoder YuvDecoderOf(const v1::InputConfiguration& input);

// The input as a calibration sample of SAMPLE_FORMAT_MODEL is read: the float model's own type, layout and colours,
// with sample_preprocessing for photos. `input` itself for others.
v1::InputConfiguration SampleInput(const v1::InputConfiguration& input);

// The configuration as calibration uses it: every input as SampleInput gives it, and no preprocessing for those of
// SAMPLE_FORMAT_MODEL.
v1::BuildConfiguration CalibratedInputs(const v1::BuildConfiguration& configuration);

// Those inputs alone whose preprocessing CalibratedInputs leaves out.
v1::BuildConfiguration InputsLeftOut(const v1::BuildConfiguration& configuration);

}  // namespace joinery::compiler
