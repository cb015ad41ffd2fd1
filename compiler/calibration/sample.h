// One sample of a calibration set, as the tensor that the deployed input takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/ir/tensor.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

struct LoadedSample {
  Tensor tensor;
  // How a photo was made to fit ("282x282 scaled and centre-cropped to 224x224"); empty if it did not have to be.
  std::string note;
};

// Reads a JPEG, PNG, npy or bin, by what `bytes` are (a bin by its name).
//
// A photo is made the input's size as `fit` says, its colours are made the deployed input's (grey by ITU-R 601; YUV,
// see EncodeYuv), and its bytes are laid out as the deployed input is, as its element type with the same values (int8
// has no room for them and is refused). An npy or bin has to have the element type and the shape of the deployed input
// already (of an npy a leading 1 may be missing, and its element type is not looked at where that is NATIVE), and no
// NaN or infinity. A dictionary of arrays (see ParseNumpyObject) gives the one with the input's name. With
// SAMPLE_FORMAT_MODEL all of this is of the float model's input instead (see SampleInput).
//
// Errors are kInvalidArgument, name `name`, what was got and what was expected. Thread-safe.
absl::StatusOr<LoadedSample> LoadSample(absl::string_view name, absl::string_view bytes,
                                        const v1::InputConfiguration& input, v1::ImageFit fit);

// The elements of the deployed input as they are, nothing before or after. kInvalidArgument if the number of bytes does
// not fit, if a float32 is NaN or infinite, or if the element type is NATIVE and the configuration does not have it.
absl::StatusOr<Tensor> LoadRaw(absl::string_view name, absl::string_view bytes, const v1::InputConfiguration& input);

}  // namespace joinery::compiler
