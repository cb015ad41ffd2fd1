// What must hold of every configuration: translated to any dialect, and from there to any other, it means the same.
#pragma once

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compiler/configuration/convert.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {

inline v1::BuildConfiguration Meaning(const std::string& text, const std::vector<ModelInput>& inputs) {
  const auto parsed = ParseConfiguration(text, "configuration");
  EXPECT_TRUE(parsed.ok()) << parsed.status() << text;
  if (!parsed.ok()) return {};
  const auto translation = TranslateConfiguration(*parsed, inputs);
  EXPECT_TRUE(translation.ok()) << translation.status() << text;
  return translation.ok() ? translation->configuration : v1::BuildConfiguration();
}

inline void ExpectRoundTrips(const std::string& text) {
  using ::google::protobuf::util::MessageDifferencer;
  ASSERT_OK_AND_ASSIGN(const Configuration source, ParseConfiguration(text, "configuration"));
  const std::vector<ModelInput> inputs = AssumedInputs(source);
  const v1::BuildConfiguration want = Meaning(text, inputs);
  const std::string in_full = FormatConfiguration(source, want);
  EXPECT_TRUE(MessageDifferencer::Equals(want, Meaning(in_full, inputs))) << in_full;
  for (const Dialect first : {Dialect::kPulsar, Dialect::kPulsar2, Dialect::kJoinery}) {
    ASSERT_OK_AND_ASSIGN(const Converted there, ConvertConfiguration(source, inputs, first));
    EXPECT_TRUE(MessageDifferencer::Equals(want, Meaning(there.text, inputs))) << there.text;
    ASSERT_OK_AND_ASSIGN(const Configuration between, ParseConfiguration(there.text, "configuration"));
    for (const Dialect second : {Dialect::kPulsar, Dialect::kPulsar2, Dialect::kJoinery}) {
      ASSERT_OK_AND_ASSIGN(const Converted back, ConvertConfiguration(between, inputs, second));
      EXPECT_TRUE(MessageDifferencer::Equals(want, Meaning(back.text, inputs))) << back.text;
    }
  }
}

}  // namespace joinery::compiler
