#include "server/access/rate_limiter.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_clock.h"

namespace joinery::server::access {
namespace {

TEST(RateLimiterTest, ABurstAndThenTheRate) {
  testing::FakeClock clock;
  RateLimiter limiter({.rate = 2, .burst = 3}, clock);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.Take("a"));
  EXPECT_FALSE(limiter.Has("a"));
  EXPECT_FALSE(limiter.Take("a"));
  EXPECT_EQ(limiter.Wait("a"), absl::Milliseconds(500));
  clock.Advance(absl::Milliseconds(500));
  EXPECT_TRUE(limiter.Has("a"));
  EXPECT_TRUE(limiter.Take("a"));
  EXPECT_FALSE(limiter.Take("a"));
  clock.Advance(absl::Hours(1));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.Take("a"));
  EXPECT_FALSE(limiter.Take("a"));
}

TEST(RateLimiterTest, EveryKeyHasItsOwn) {
  const testing::FakeClock clock;
  RateLimiter limiter({.rate = 1, .burst = 1}, clock);
  EXPECT_TRUE(limiter.Take("a"));
  EXPECT_FALSE(limiter.Take("a"));
  EXPECT_TRUE(limiter.Take("b"));
}

TEST(RateLimiterTest, AClockThatGoesBackLocksNobodyOut) {
  testing::FakeClock clock;
  RateLimiter limiter({.rate = 1, .burst = 2}, clock);
  EXPECT_TRUE(limiter.Take("a"));
  EXPECT_TRUE(limiter.Take("a"));
  clock.Advance(-absl::Hours(24));
  EXPECT_FALSE(limiter.Take("a"));
  clock.Advance(absl::Seconds(2));
  EXPECT_TRUE(limiter.Take("a"));
}

TEST(RateLimiterTest, WhoIsAtTheLimitIsNotForgottenForTheSakeOfMany) {
  const testing::FakeClock clock;
  RateLimiter limiter({.rate = 0.001, .burst = 2}, clock, /*max_keys=*/10);
  EXPECT_TRUE(limiter.Take("attacker"));
  EXPECT_TRUE(limiter.Take("attacker"));
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limiter.Take(absl::StrCat("other ", i)));
  EXPECT_FALSE(limiter.Take("attacker"));
}

}  // namespace
}  // namespace joinery::server::access
