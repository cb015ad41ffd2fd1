#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace joinery::base {
namespace {

TEST(Utf8Test, CharactersHaveOneToFourBytes) {
  EXPECT_EQ(Utf8CharacterLength("a"), 1);
  EXPECT_EQ(Utf8CharacterLength(absl::string_view("\0b", 2)), 1);
  EXPECT_EQ(Utf8CharacterLength("ü."), 2);
  EXPECT_EQ(Utf8CharacterLength("中."), 3);
  EXPECT_EQ(Utf8CharacterLength("😀."), 4);
  EXPECT_EQ(Utf8CharacterLength("\xf4\x8f\xbf\xbf"), 4) << "U+10FFFF, the last there is";
}

TEST(Utf8Test, WhatIsWrittenTooLongOrBeyondTheLastIsNone) {
  for (const char* bytes : {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8c\x9a\x9e", "\xed\xa0\x80",
                            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(Utf8CharacterLength(bytes), 0) << testing::PrintToString(std::string(bytes));
  }
}

TEST(Utf8Test, WhatIsCutShortOrGoesOnWronglyIsNone) {
  for (const char* bytes : {"\xc3", "\xc3|", "\xe4\xb8", "\xe4|\xad", "\xf0\x9f\x98", "\xf0\x9f\x98|"}) {
    EXPECT_EQ(Utf8CharacterLength(bytes), 0) << testing::PrintToString(std::string(bytes));
  }
}

TEST(Utf8Test, OneByteThatIsNoneSpoilsAText) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("grün 中 😀"));
  EXPECT_FALSE(IsUtf8("gr\xfcn"));
  EXPECT_FALSE(IsUtf8("中\xe4"));
}

}  // namespace
}  // namespace joinery::base
