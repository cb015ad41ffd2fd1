#include <algorithm>
#include <utility>

#include "compiler/configuration/configuration.h"
#include "compiler/configuration/model_edits.h"

namespace joinery::compiler {

using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;

namespace {

// Which is said first does not matter. The one for all others comes last.
void SortByName(google::protobuf::RepeatedPtrField<v1::OutputConfiguration>& outputs) {
  std::sort(outputs.begin(), outputs.end(), [](const v1::OutputConfiguration& a, const v1::OutputConfiguration& b) {
    return std::make_pair(a.name().empty(), a.name()) < std::make_pair(b.name().empty(), b.name());
  });
}

}  // namespace

absl::StatusOr<Translation> TranslateConfiguration(const Configuration& source, const std::vector<ModelInput>& inputs) {
  const auto* pulsar = std::get_if<PulsarConfiguration>(&source);
  absl::StatusOr<Translation> translation =
      pulsar != nullptr ? TranslatePulsar(*pulsar, inputs) : TranslatePulsar2(std::get<BuildConfig>(source), inputs);
  if (!translation.ok()) return translation;
  auto& outputs = *translation->configuration.mutable_outputs();
  // All others as the float model has them: so they are without that.
  outputs.erase(std::remove_if(outputs.begin(), outputs.end(),
                               [](const v1::OutputConfiguration& output) { return output.ByteSizeLong() == 0; }),
                outputs.end());
  SortByName(outputs);
  const auto& conf = std::visit(
      [](const auto& dialect) -> const auto& { return dialect.joinery_conf(); }, source);
  if (!conf.cut_tensors().empty()) {
    *translation->configuration.mutable_target()->mutable_cut_tensors() = conf.cut_tensors();
  }
  return translation;
}

absl::StatusOr<v1::ModelEdits> ModelEditsOf(const Configuration& source) {
  if (const auto* pulsar = std::get_if<PulsarConfiguration>(&source))
    return pulsar->joinery_conf().deployment().edits();
  const BuildConfig& pulsar2 = std::get<BuildConfig>(source);
  if (pulsar2.joinery_conf().deployment().has_edits()) return pulsar2.joinery_conf().deployment().edits();
  return ModelEditsOfPulsar2(pulsar2);
}

std::string FormatConfiguration(const Configuration& source, const v1::BuildConfiguration& configuration) {
  if (const auto* pulsar = std::get_if<PulsarConfiguration>(&source)) return FormatPulsar(*pulsar, configuration);
  return FormatPulsar2(std::get<BuildConfig>(source), configuration);
}

}  // namespace joinery::compiler
