#include "server/hash_checkpoints.h"

#include <gtest/gtest.h>

#include <string>

namespace joinery::server {
namespace {

constexpr int64_t kSpacing = HashCheckpoints::kSpacing;

// The hash of as many bytes as the position says.
base::Sha256Hasher HasherAt(int64_t position) {
  base::Sha256Hasher hasher;
  hasher.Update(std::string(static_cast<size_t>(position), 'x'));
  return hasher;
}

TEST(HashCheckpointsTest, TheLastOneBeforeIsFoundAndGoesOn) {
  HashCheckpoints checkpoints;
  for (const int64_t position : {kSpacing, 2 * kSpacing}) checkpoints.Add("a", position, HasherAt(position));
  const struct {
    int64_t asked;
    int64_t found;
  } cases[] = {{0, 0},
               {kSpacing - 1, 0},
               {kSpacing, kSpacing},
               {2 * kSpacing - 1, kSpacing},
               {2 * kSpacing, 2 * kSpacing},
               {9 * kSpacing, 2 * kSpacing}};
  for (const auto& c : cases) {
    HashCheckpoints::Checkpoint checkpoint = checkpoints.Before("a", c.asked);
    EXPECT_EQ(checkpoint.position, c.found) << c.asked;
    checkpoint.hasher.Update("the rest");
    EXPECT_EQ(checkpoint.hasher.Finish(), base::Sha256(std::string(static_cast<size_t>(c.found), 'x') + "the rest"));
  }
  EXPECT_EQ(checkpoints.Before("b", 9 * kSpacing).position, 0);
}

TEST(HashCheckpointsTest, OthersThanMultiplesAreNotKept) {
  HashCheckpoints checkpoints;
  for (const int64_t position : {int64_t{0}, int64_t{1}, kSpacing + 1}) checkpoints.Add("a", position, {});
  EXPECT_EQ(checkpoints.Before("a", 9 * kSpacing).position, 0);
}

TEST(HashCheckpointsTest, WhatIsForgottenBeginsAnew) {
  HashCheckpoints checkpoints;
  for (const char* digest : {"a", "b"}) checkpoints.Add(digest, kSpacing, {});
  checkpoints.Forget("a");
  checkpoints.Forget("never seen");
  EXPECT_EQ(checkpoints.Before("a", kSpacing).position, 0);
  EXPECT_EQ(checkpoints.Before("b", kSpacing).position, kSpacing);
}

TEST(HashCheckpointsTest, TheBlobsAskedForLongestAgoMakeRoom) {
  HashCheckpoints checkpoints;
  constexpr auto kMost = static_cast<int64_t>(HashCheckpoints::kMaxCheckpoints);
  for (int64_t i = 1; i <= kMost / 2; ++i) {
    for (const char* digest : {"a", "b"}) checkpoints.Add(digest, i * kSpacing, {});
  }
  EXPECT_EQ(checkpoints.Before("a", kMost * kSpacing).position, kMost / 2 * kSpacing);
  checkpoints.Add("c", kSpacing, {});
  EXPECT_EQ(checkpoints.Before("b", kMost * kSpacing).position, 0);
  EXPECT_EQ(checkpoints.Before("a", kMost * kSpacing).position, kMost / 2 * kSpacing);
  EXPECT_EQ(checkpoints.Before("c", kMost * kSpacing).position, kSpacing);
}

}  // namespace
}  // namespace joinery::server
