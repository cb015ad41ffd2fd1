// A configuration in whichever dialect it was written. Everything that handles both goes through here; each dialect's
// own header has its rules. All functions are thread-safe, and pure but for ReadConfigurationFile. Errors are
// kInvalidArgument and name the field (or the line, or the option) at fault.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/configuration/pulsar2.h"
#include "compiler/configuration/pulsar_prototxt.h"
#include "compiler/configuration/translation.h"

namespace joinery::compiler {

using Configuration = std::variant<v1::pulsar::PulsarConfiguration, v1::pulsar2::BuildConfig>;

// JSON where the name ends in .json or the text begins with `{`; YAML where the name ends in .yaml or .yml or the text
// looks like it; else prototxt, of the dialect that has the fields at its top level (`pulsar build`'s, if both have).
// At most 1 MiB.
absl::StatusOr<Configuration> ParseConfiguration(absl::string_view text, absl::string_view file_name);

// ParseConfiguration of a file of that name. Errors besides: those of base::ReadFile.
absl::StatusOr<Configuration> ReadConfigurationFile(const std::string& path);

// TranslatePulsar or TranslatePulsar2.
absl::StatusOr<Translation> TranslateConfiguration(const Configuration& source, const std::vector<ModelInput>& inputs);

// FormatPulsar or FormatPulsar2.
std::string FormatConfiguration(const Configuration& source, const v1::BuildConfiguration& configuration);

// What is changed of the model before it is imported: the edits of what TranslateConfiguration gives, for which the
// model's inputs need not be known.
absl::StatusOr<v1::ModelEdits> ModelEditsOf(const Configuration& source);

// What a configuration says of files; empty where it says nothing.
struct ConfiguredFiles {
  std::string model;
  std::string output;
  // A set for all inputs; empty where each has its own.
  std::string calibration;
  // The input's name (empty: all that have no other) and its set.
  std::vector<std::pair<std::string, std::string>> input_calibration;
  // As BuildArguments has them.
  std::vector<std::string> input_shapes;
};

// Errors: a calibration set selected by a pattern.
absl::StatusOr<ConfiguredFiles> FilesOf(const Configuration& source);

// Writes what FilesOf reads, except for the shapes.
void SetFiles(const ConfiguredFiles& files, Configuration& configuration);

// What the command line says of the algorithms, in either dialect.
struct QuantizationOverrides {
  // --preset: "fast", "balanced", "accurate". Takes back what the file switches of the algorithms a preset decides.
  std::optional<std::string> preset;
  // --calibration-method: "min_max", "mse", "moving_average", "percentile", "entropy", or as the vendor has it:
  // "MinMax", "Percentile", "MSE", "KL".
  std::optional<std::string> calibration_method;
  std::optional<double> target_cosine;
  std::optional<double> target_sqnr_db;
  // --layer-bits: "PATTERN=8", "PATTERN=16", "PATTERN=float".
  std::vector<std::string> layer_bits;
  // --cut: names of tensors. Take the place of the file's.
  std::vector<std::string> cut_tensors = {};
  // --target: "CHIP" or "CHIP:MODE". Takes the place of the file's chip; whether there is such a chip is not known
  // here.
  std::optional<std::string> target = {};
};

// Writes `overrides` into the configuration's joinery_conf: the command line beats the file. After an error
// `configuration` is as it was.
absl::Status ApplyOverrides(const QuantizationOverrides& overrides, Configuration& configuration);

// Text that parses to `configuration` under any name: prototxt or JSON.
std::string WriteConfiguration(const Configuration& configuration);

}  // namespace joinery::compiler
