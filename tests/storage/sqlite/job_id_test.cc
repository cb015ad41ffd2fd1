#include "storage/sqlite/job_id.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/testing/fake_random_source.h"

namespace joinery::storage {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(JobIdTest, IsTenCharactersInOrderOfTime) {
  const RandomSource random = joinery::testing::FakeRandomSource(1);
  const std::string id = MakeJobId(kNow, random);
  EXPECT_THAT(id, ::testing::MatchesRegex("[0-9a-hjkmnp-tv-z]{10}"));
  EXPECT_LT(id.substr(0, 6), MakeJobId(kNow + absl::Seconds(1), random).substr(0, 6));
  EXPECT_LT(id.substr(0, 6), MakeJobId(kNow + absl::Hours(24 * 365 * 20), random).substr(0, 6));
}

TEST(JobIdTest, LeaseTokensHave128BitsAndDiffer) {
  std::set<std::string> tokens;
  for (int i = 0; i < 1000; ++i) tokens.insert(MakeLeaseToken(SystemRandomBytes));
  EXPECT_EQ(tokens.size(), 1000);
  EXPECT_THAT(*tokens.begin(), ::testing::MatchesRegex("[0-9a-f]{32}"));
}

}  // namespace
}  // namespace joinery::storage
