#include "compiler/evaluation/html_text.h"

#include <gtest/gtest.h>

#include <string>

namespace joinery::compiler {
namespace {

TEST(HtmlTextTest, EscapesMarkup) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\">'&'</a>"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  EXPECT_EQ(EscapeHtml("Größe 尺 🙂"), "Größe 尺 🙂");
}

TEST(HtmlTextTest, ReplacesWhatIsNoTextOrTurnsItAround) {
  const std::string replaced = "\xEF\xBF\xBD";
  EXPECT_EQ(EscapeHtml(std::string("a\0b\x1b", 4)), "a" + replaced + "b" + replaced);
  EXPECT_EQ(EscapeHtml("\xFF\xC0\x80"), replaced + replaced + replaced);
  EXPECT_EQ(EscapeHtml("\xE5\xB0"), replaced + replaced);                        // cut off
  EXPECT_EQ(EscapeHtml("\xED\xA0\x80x"), replaced + replaced + replaced + "x");  // half of a surrogate pair
  EXPECT_EQ(EscapeHtml("a\u202Eb\u2066"), "a" + replaced + "b" + replaced);
}

TEST(HtmlTextTest, ShortensAtTheFrontAndBetweenCharacters) {
  EXPECT_EQ(Shorten("/features/0/Conv", 30), "/features/0/Conv");
  EXPECT_EQ(Shorten("/features/0/Conv", 6), "…0/Conv");
  EXPECT_EQ(Shorten("abcéz", 2), "…z");
}

TEST(HtmlTextTest, NumbersHaveThreeDigits) {
  EXPECT_EQ(FormatNumber(17.5174), "17.5");
  EXPECT_EQ(FormatPercent(0.01234), "1.23 %");
}

}  // namespace
}  // namespace joinery::compiler
