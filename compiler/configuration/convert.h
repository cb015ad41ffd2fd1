// From one dialect to another, without a change of meaning.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/configuration/configuration.h"

namespace joinery::compiler {

enum class Dialect { kPulsar, kPulsar2, kJoinery };

// "pulsar", "pulsar2", "joinery". kInvalidArgument for another word.
absl::StatusOr<Dialect> ParseDialect(absl::string_view word);

struct Converted {
  // Prototxt, or JSON for pulsar2. Parses again under any name, and translates, for the same inputs, to what the source
  // translates to.
  std::string text;
  // What TranslateConfiguration says of the source; and each field that the other dialect cannot say, which then stands
  // in joinery_conf, where the vendor's tool does not find it.
  std::vector<std::string> warnings;
};

// `inputs` are the model's, or AssumedInputs. Errors are those of TranslateConfiguration; kInternal if the result did
// not mean the same.
absl::StatusOr<Converted> ConvertConfiguration(const Configuration& source, const std::vector<ModelInput>& inputs,
                                               Dialect to);

// For a configuration without its model: pictures of 224x224 with the names that are in it, or one without a name,
// which stands for all. Of 1 channel where the float model is said to take GRAY, else of 3.
std::vector<ModelInput> AssumedInputs(const Configuration& source);

}  // namespace joinery::compiler
