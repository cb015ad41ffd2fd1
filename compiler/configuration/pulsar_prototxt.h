// The configuration of `pulsar build`: reads its text, translates it into what the compiler reads, writes it out in
// full. All functions are pure and thread-safe. Errors are kInvalidArgument and name the field (or the line) at fault.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/configuration/translation.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// Reads protobuf's text form, at most 1 MiB of it. Errors begin "FILE:LINE:COLUMN: ", counted from 1, columns in bytes;
// for a field or a value that does not exist they suggest the nearest that does.
absl::StatusOr<v1::pulsar::PulsarConfiguration> ParsePulsarPrototxt(absl::string_view text,
                                                                    absl::string_view file_name);

// What the command line of `pulsar build` says of the configuration; each in the words of its option.
struct PulsarOverrides {
  // --target_hardware: "AX630", "AX620".
  std::optional<std::string> target_hardware;
  // --virtual_npu: "0", "111", "112", "221", "222", "311", "312", "auto".
  std::optional<std::string> virtual_npu;
  // --input_tensor_color, the colours the float model takes: "auto", "rgb", "bgr", "gray", "nv12", "nv21".
  std::optional<std::string> input_tensor_color;
  // --output_tensor_color, the colours the compiled model's *input* takes.
  std::optional<std::string> output_tensor_color;
  // --output_tensor_layout: "native", "nchw", "nhwc".
  std::optional<std::string> output_tensor_layout;
  // --color_std: "legacy", "studio", "full".
  std::optional<std::string> color_standard;
  // --batch_size_option: "BSO_AUTO", "BSO_STATIC", "BSO_DYNAMIC".
  std::optional<std::string> batch_size_option;
  // --calibration_batch_size
  std::optional<int32_t> calibration_batch_size;
  // --compile_batch_size; empty if it was not given.
  std::vector<int32_t> compile_batch_sizes;
};

// Writes `overrides` into `configuration`: the command line beats the file. Errors name the option. After an error
// `configuration` is as it was.
absl::Status ApplyOverrides(const PulsarOverrides& overrides, v1::pulsar::PulsarConfiguration& configuration);

// What `source` asks for, for a model with these `inputs`.
//
// A picture is a float32 input of rank 4 with 1 or 3 channels in position 1 (NCHW) or, failing that, position 3 (NHWC);
// src_input_tensors.tensor_layout decides where both hold. A picture is deployed as uint8 NHWC unless told otherwise,
// with colours BGR (3 channels) or GRAY (1 channel) where they are AUTO. Any other float32 input is deployed as float32
// and in the float model's layout unless told otherwise; an input of another element type always as the model has it.
//
// A selector's op_name is an input's name; op_name_regex (ECMAScript, at most 256 bytes, without back-references) has
// to match the whole name; neither means all. Of items for the same input, all steps apply in the order of the file,
// and of types the last. Of TensorConfs the last wins, and one without tensor_name wins over those with.
absl::StatusOr<Translation> TranslatePulsar(const v1::pulsar::PulsarConfiguration& source,
                                            const std::vector<ModelInput>& inputs);

// `source` with everything `configuration` says in the fields of this dialect and in joinery_conf; what neither can say
// is left out. Layers are those of `source`.
v1::pulsar::PulsarConfiguration CompletePulsar(const v1::pulsar::PulsarConfiguration& source,
                                               const v1::BuildConfiguration& configuration);

// Prototxt, with fields that matter written out even where they have their default.
std::string PrintPulsar(const v1::pulsar::PulsarConfiguration& configuration);

// The complete configuration that was used: `source` with everything `configuration` (its translation) says written
// out, an item for each input, defaults included. Parses again, and translates to the same BuildConfiguration. The same
// arguments give the same text.
std::string FormatPulsar(const v1::pulsar::PulsarConfiguration& source, const v1::BuildConfiguration& configuration);

}  // namespace joinery::compiler
