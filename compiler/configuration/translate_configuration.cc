#include "compiler/configuration/configuration.h"

namespace joinery::compiler {

using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;

absl::StatusOr<Translation> TranslateConfiguration(const Configuration& source, const std::vector<ModelInput>& inputs) {
  const auto* pulsar = std::get_if<PulsarConfiguration>(&source);
  absl::StatusOr<Translation> translation =
      pulsar != nullptr ? TranslatePulsar(*pulsar, inputs) : TranslatePulsar2(std::get<BuildConfig>(source), inputs);
  if (!translation.ok()) return translation;
  const auto& conf = std::visit(
      [](const auto& dialect) -> const auto& { return dialect.joinery_conf(); }, source);
  *translation->configuration.mutable_target()->mutable_cut_tensors() = conf.cut_tensors();
  return translation;
}

std::string FormatConfiguration(const Configuration& source, const v1::BuildConfiguration& configuration) {
  if (const auto* pulsar = std::get_if<PulsarConfiguration>(&source)) return FormatPulsar(*pulsar, configuration);
  return FormatPulsar2(std::get<BuildConfig>(source), configuration);
}

}  // namespace joinery::compiler
