#include "compiler/configuration/configuration.h"

namespace joinery::compiler {

using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;

absl::StatusOr<Translation> TranslateConfiguration(const Configuration& source, const std::vector<ModelInput>& inputs) {
  if (const auto* pulsar = std::get_if<PulsarConfiguration>(&source)) return TranslatePulsar(*pulsar, inputs);
  return TranslatePulsar2(std::get<BuildConfig>(source), inputs);
}

std::string FormatConfiguration(const Configuration& source, const v1::BuildConfiguration& configuration) {
  if (const auto* pulsar = std::get_if<PulsarConfiguration>(&source)) return FormatPulsar(*pulsar, configuration);
  return FormatPulsar2(std::get<BuildConfig>(source), configuration);
}

}  // namespace joinery::compiler
