#include "compiler/evaluation/print_layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace joinery::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(PrintLayersTest, TheLargestContributionComesFirstAndNoMoreThanAskedFor) {
  v1::Precision precision;
  for (const float share : {0.1F, 0.6F, 0.3F}) {
    v1::LayerPrecision* layer = precision.add_layers();
    layer->set_name(share == 0.1F ? "least" : share == 0.6F ? "most" : "middle");
    layer->set_contribution(share);
  }
  const std::string text = FormatLayers(precision, 2);
  EXPECT_THAT(text, AllOf(HasSubstr("60.00 %"), HasSubstr("estimated"), Not(HasSubstr("least"))));
  EXPECT_LT(text.find("most"), text.find("middle"));
}

TEST(PrintLayersTest, NamesDoNotSteerTheTerminal) {
  v1::Precision precision;
  precision.add_layers()->set_name("a\x1b[2Jb\n");
  precision.add_advice()->set_finding("c\x1b");
  EXPECT_THAT(FormatLayers(precision, 5), AllOf(HasSubstr("a?[2Jb?"), HasSubstr("c?"), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace joinery::compiler
