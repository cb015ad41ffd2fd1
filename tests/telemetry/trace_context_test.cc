#include "telemetry/trace_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace joinery::telemetry {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kSpan[] = "00f067aa0ba902b7";

std::string With(const std::string& version, const std::string& flags) {
  return absl::StrCat(version, "-", kTrace, "-", kSpan, "-", flags);
}

TEST(TraceContextTest, WhatWasFormattedIsParsed) {
  for (const bool sampled : {true, false}) {
    const TraceContext context = {kTrace, kSpan, sampled};
    EXPECT_EQ(ParseTraceparent(FormatTraceparent(context)), context);
  }
  EXPECT_EQ(FormatTraceparent({kTrace, kSpan, true}), With("00", "01"));
}

TEST(TraceContextTest, OnlyTheLowestFlagCountsAndLaterVersionsMayHaveMore) {
  EXPECT_EQ(ParseTraceparent(With("00", "02"))->sampled, false);
  EXPECT_EQ(ParseTraceparent(With("00", "ff"))->sampled, true);
  EXPECT_TRUE(ParseTraceparent(With("cc", "01-what-the-future-brings")).has_value());
  EXPECT_TRUE(ParseTraceparent(With("cc", "01")).has_value());
}

TEST(TraceContextTest, WhatIsNoTraceparentIsNone) {
  const std::string good = With("00", "01");
  for (size_t size = 0; size < good.size(); ++size) EXPECT_FALSE(ParseTraceparent(good.substr(0, size)).has_value());
  for (const std::string& bad :
       {With("ff", "01"), With("00", "01-more"), With("00", "01x"), With("cc", "01more"), With("0G", "01"),
        With("00", "0G"), absl::StrCat("00-", std::string(32, '0'), "-", kSpan, "-01"),
        absl::StrCat("00-", kTrace, "-", std::string(16, '0'), "-01"),
        absl::StrCat("00-4BF92F3577B34DA6A3CE929D0E0E4736-", kSpan, "-01"),
        absl::StrCat("00_", kTrace, "-", kSpan, "-01"), absl::StrCat("00-", kTrace, "_", kSpan, "-01"),
        absl::StrCat("00-", kTrace, "-", kSpan, "_01"), std::string(good.size(), '\0'),
        std::string(good.size(), '\xff')}) {
    EXPECT_FALSE(ParseTraceparent(bad).has_value()) << bad;
  }
}

TEST(TraceContextTest, IdsAreNeverZeroAndAChildKeepsItsTrace) {
  uint64_t next = 0;
  const RandomBits random = [&] { return next++; };
  const TraceContext root = NewTrace(random);
  EXPECT_TRUE(ParseTraceparent(FormatTraceparent(root)).has_value());
  next = 0;
  const TraceContext child = NewChild({root.trace_id, root.span_id, false}, random);
  EXPECT_EQ(child, (TraceContext{root.trace_id, "0000000000000001", false}));
}

}  // namespace
}  // namespace joinery::telemetry
