// What must hold of every configuration that is accepted: fuzzers of both dialects end the process where it does not.
#pragma once

#include <google/protobuf/util/message_differencer.h>

#include <string>
#include <vector>

#include "compiler/configuration/convert.h"

namespace joinery::fuzz {

inline void TrapUnlessItMeans(const v1::BuildConfiguration& want, const std::string& text,
                              const std::vector<compiler::ModelInput>& inputs) {
  const auto configuration = compiler::ParseConfiguration(text, "written");
  if (!configuration.ok()) __builtin_trap();
  const auto translation = compiler::TranslateConfiguration(*configuration, inputs);
  if (!translation.ok()) __builtin_trap();
  if (!google::protobuf::util::MessageDifferencer::Equals(want, translation->configuration)) __builtin_trap();
}

// Written out in full, and in every dialect, it is read again and means the same.
inline void CheckRoundTrips(const compiler::Configuration& source) {
  using compiler::Dialect;
  (void)compiler::FilesOf(source).ok();
  (void)compiler::ModelEditsOf(source).ok();
  (void)compiler::AssumedInputs(source).size();
  const std::vector<compiler::ModelInput> inputs = {{"input", 1, {1, 3, 8, 8}}, {"state", 1, {2, 5}}};
  const auto translation = compiler::TranslateConfiguration(source, inputs);
  if (!translation.ok()) return;
  TrapUnlessItMeans(translation->configuration, compiler::FormatConfiguration(source, translation->configuration),
                    inputs);
  for (const Dialect dialect : {Dialect::kPulsar, Dialect::kPulsar2, Dialect::kJoinery}) {
    const auto converted = compiler::ConvertConfiguration(source, inputs, dialect);
    if (absl::IsInternal(converted.status())) __builtin_trap();
    if (converted.ok()) TrapUnlessItMeans(translation->configuration, converted->text, inputs);
  }
}

}  // namespace joinery::fuzz
