// The configuration of `pulsar2 build`: reads its JSON or prototxt, translates it into what the compiler reads, writes
// it out in full. All functions are pure and thread-safe. Errors are kInvalidArgument and name the field (or the line)
// at fault.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/configuration/translation.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {

// Reads JSON with comments (see ParseJsonText). Errors of syntax begin "FILE:LINE:COLUMN: ", all others "FILE: PATH: ";
// for a field or a value that does not exist they suggest the nearest that does.
absl::StatusOr<v1::pulsar2::BuildConfig> ParsePulsar2Json(absl::string_view text, absl::string_view file_name);

// An option of the command line that sets one field.
struct Pulsar2Option {
  // As "quant.calibration_method": the option is this behind two dashes.
  std::string path;
  // Takes a value or not; without one it is true.
  bool is_flag = false;
  // Takes any number of values.
  bool is_list = false;
  // The values it takes, for people.
  std::string values;
};

// One for every field that has no structure of its own, outside of lists: of the whole configuration, onnx_opt, quant,
// compiler and debug. Those that `joineryc build` has under the same name are left out: input, output_dir,
// target_hardware.
std::vector<Pulsar2Option> Pulsar2Options();

// Options by their path, each with the values it was given.
using Pulsar2Overrides = std::vector<std::pair<std::string, std::vector<std::string>>>;

// Writes `overrides` into `configuration`: the command line beats the file. Errors begin with the option. After an
// error `configuration` is as it was.
absl::Status ApplyOverrides(const Pulsar2Overrides& overrides, v1::pulsar2::BuildConfig& configuration);

// What `source` asks for, for a model with these `inputs`.
//
// Of input_configs and input_processors, what is about an input by name wins over what is for all ("DEFAULT", or no
// name); of equals the last. A picture is what TranslatePulsar takes for one. Where the configuration does not say it,
// the artifact takes float32 and NCHW in the float model's colours, which are BGR for 3 channels; 32 samples are used.
// mean and std are in the order of tensor_format.
absl::StatusOr<Translation> TranslatePulsar2(const v1::pulsar2::BuildConfig& source,
                                             const std::vector<ModelInput>& inputs);

// `source` with everything `configuration` says in the fields of this dialect and in joinery_conf; what neither can say
// is left out. Layers are those of `source`.
v1::pulsar2::BuildConfig CompletePulsar2(const v1::pulsar2::BuildConfig& source,
                                         const v1::BuildConfiguration& configuration);

// JSON, with joinery_conf written out even where it has its default.
std::string PrintPulsar2(const v1::pulsar2::BuildConfig& configuration);

// The complete configuration that was used, as JSON: `source` with everything `configuration` (its translation) says
// written out, an item for each input. Parses again, and translates to the same BuildConfiguration. The same arguments
// give the same text.
std::string FormatPulsar2(const v1::pulsar2::BuildConfig& source, const v1::BuildConfiguration& configuration);

}  // namespace joinery::compiler
