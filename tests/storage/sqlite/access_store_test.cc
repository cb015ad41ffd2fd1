#include "storage/sqlite/access_store.h"

#include <string>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class AccessStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { store_ = Open(); }

  std::unique_ptr<SqliteAccessStore> Open() {
    auto store = SqliteAccessStore::Open({.path = folder_ / "joinery.db", .vfs = ""});
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }

  static TokenRecord MakeToken(const std::string& id) {
    TokenRecord token;
    token.id = id;
    token.user = "ann";
    token.project = "vision";
    token.note = "laptop";
    token.may_submit = true;
    token.created_at = kNow;
    token.created_by = "root";
    token.expires_at = kNow + absl::Hours(1);
    return token;
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<SqliteAccessStore> store_;
  const std::string digest_ = std::string(64, 'a');
};

TEST_F(AccessStoreTest, ATokenIsFoundByItsDigestWithAllItHas) {
  EXPECT_THAT(store_->HasTokens(), IsOkAndHolds(false));
  ASSERT_THAT(store_->AddToken(MakeToken("0123"), digest_, {}), IsOk());
  EXPECT_THAT(store_->HasTokens(), IsOkAndHolds(true));
  const auto found = store_->FindToken(digest_);
  ASSERT_THAT(found, IsOk());
  ASSERT_TRUE(found->has_value());
  const TokenRecord& token = **found;
  EXPECT_EQ(token.id, "0123");
  EXPECT_EQ(token.user, "ann");
  EXPECT_EQ(token.project, "vision");
  EXPECT_EQ(token.note, "laptop");
  EXPECT_TRUE(token.may_submit);
  EXPECT_FALSE(token.may_work);
  EXPECT_FALSE(token.may_admin);
  EXPECT_EQ(token.created_at, kNow);
  EXPECT_EQ(token.created_by, "root");
  EXPECT_EQ(token.expires_at, kNow + absl::Hours(1));
  EXPECT_EQ(token.last_used_at, std::nullopt);
  EXPECT_EQ(token.revoked_at, std::nullopt);
  EXPECT_THAT(store_->FindToken(std::string(64, 'b')), IsOkAndHolds(::testing::Eq(std::nullopt)));
}

TEST_F(AccessStoreTest, ATokenIsNotAddedTwice) {
  ASSERT_THAT(store_->AddToken(MakeToken("0123"), digest_, {}), IsOk());
  EXPECT_THAT(store_->AddToken(MakeToken("0123"), std::string(64, 'b'), {}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("0123")));
  EXPECT_THAT(store_->AddToken(MakeToken("4567"), digest_, {}),
              StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("")));
}

TEST_F(AccessStoreTest, RevokedAgainItKeepsTheFirstTime) {
  ASSERT_THAT(store_->AddToken(MakeToken("0123"), digest_, {}), IsOk());
  const auto revoked = store_->RevokeToken("0123", kNow + absl::Minutes(1), {});
  ASSERT_THAT(revoked, IsOk());
  EXPECT_EQ(revoked->revoked_at, kNow + absl::Minutes(1));
  EXPECT_EQ(store_->RevokeToken("0123", kNow + absl::Minutes(2), {})->revoked_at, kNow + absl::Minutes(1));
  EXPECT_EQ((*store_->FindToken(digest_))->revoked_at, kNow + absl::Minutes(1));
  EXPECT_THAT(store_->RevokeToken("none", kNow, {}), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST_F(AccessStoreTest, WhatAnotherProcessDidShowsAtOnce) {
  const auto other = Open();
  ASSERT_THAT(other->AddToken(MakeToken("0123"), digest_, {}), IsOk());
  EXPECT_TRUE(store_->FindToken(digest_)->has_value());
  ASSERT_THAT(other->RevokeToken("0123", kNow, {}), IsOk());
  EXPECT_EQ((*store_->FindToken(digest_))->revoked_at, kNow);
}

TEST_F(AccessStoreTest, ListsTheNewestTokenFirstWithItsLastUse) {
  ASSERT_THAT(store_->AddToken(MakeToken("0123"), digest_, {}), IsOk());
  TokenRecord newer = MakeToken("4567");
  newer.created_at = kNow + absl::Seconds(1);
  newer.expires_at = std::nullopt;
  ASSERT_THAT(store_->AddToken(newer, std::string(64, 'b'), {}), IsOk());
  ASSERT_THAT(store_->MarkTokenUsed("0123", kNow + absl::Seconds(5)), IsOk());
  const auto tokens = store_->ListTokens();
  ASSERT_THAT(tokens, IsOk());
  ASSERT_EQ(tokens->size(), 2);
  EXPECT_EQ((*tokens)[0].id, "4567");
  EXPECT_EQ((*tokens)[0].expires_at, std::nullopt);
  EXPECT_EQ((*tokens)[1].last_used_at, kNow + absl::Seconds(5));
}

TEST_F(AccessStoreTest, WhereASubjectHasNoLimitThoseOfAllApply) {
  EXPECT_THAT(store_->LimitsOf("vision"), IsOkAndHolds(Limits()));
  ASSERT_THAT(store_->SetLimits({LimitKind::kProject, "*"},
                                {.blob_bytes = 10, .queued_jobs = 20, .running_jobs = std::nullopt}, {}),
              IsOk());
  ASSERT_THAT(store_->SetLimits({LimitKind::kProject, "vision"},
                                {.blob_bytes = 99, .queued_jobs = std::nullopt, .running_jobs = 2}, {}),
              IsOk());
  ASSERT_THAT(store_->SetLimits({LimitKind::kUser, "vision"},
                                {.blob_bytes = std::nullopt, .queued_jobs = 7, .running_jobs = std::nullopt}, {}),
              IsOk());
  EXPECT_THAT(store_->LimitsOf("vision"), IsOkAndHolds(Limits{.blob_bytes = 99, .queued_jobs = 20, .running_jobs = 2}));
  EXPECT_THAT(store_->LimitsOf("other"),
              IsOkAndHolds(Limits{.blob_bytes = 10, .queued_jobs = 20, .running_jobs = std::nullopt}));
  EXPECT_THAT(store_->LimitsOf({LimitKind::kUser, "vision"}),
              IsOkAndHolds(Limits{.blob_bytes = std::nullopt, .queued_jobs = 7, .running_jobs = std::nullopt}));
}

TEST_F(AccessStoreTest, SettingLimitsAgainReplacesAllOfThem) {
  ASSERT_THAT(store_->SetLimits({LimitKind::kUser, "ann"}, {.blob_bytes = 1, .queued_jobs = 2, .running_jobs = 3}, {}),
              IsOk());
  const Limits newer = {.blob_bytes = std::nullopt, .queued_jobs = 5, .running_jobs = std::nullopt};
  ASSERT_THAT(store_->SetLimits({LimitKind::kUser, "ann"}, newer, {}), IsOk());
  const auto all = store_->ListLimits();
  ASSERT_THAT(all, IsOk());
  ASSERT_EQ(all->size(), 1);
  EXPECT_EQ(all->front().subject.name, "ann");
  EXPECT_EQ(all->front().subject.kind, LimitKind::kUser);
  EXPECT_EQ(all->front().limits, newer);
}

}  // namespace
}  // namespace joinery::storage
