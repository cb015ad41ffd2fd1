#include "base/line_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace joinery::base {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

std::vector<std::pair<std::string, bool>> Split(const std::vector<std::string>& pieces) {
  std::vector<std::pair<std::string, bool>> lines;
  LineSplitter splitter(5, [&](absl::string_view line, bool whole) { lines.emplace_back(std::string(line), whole); });
  for (const std::string& piece : pieces) splitter.Add(piece);
  splitter.Finish();
  return lines;
}

TEST(LineSplitterTest, LinesMayComeInAnyPieces) {
  EXPECT_THAT(Split({"a", "b\n\nc", "d\ne"}),
              ElementsAre(Pair("ab", true), Pair("", true), Pair("cd", true), Pair("e", true)));
}

TEST(LineSplitterTest, LongLinesAreCutAndSaidToBe) {
  EXPECT_THAT(Split({"12345\n123456", "789\nok\n"}),
              ElementsAre(Pair("12345", true), Pair("12345", false), Pair("ok", true)));
}

}  // namespace
}  // namespace joinery::base
