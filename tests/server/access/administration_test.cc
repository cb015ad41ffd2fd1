#include "server/access/administration.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "storage/sqlite/access_store.h"
#include "storage/sqlite/audit_log.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server::access {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

class AdministrationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = storage::SqliteAccessStore::Open({.path = folder_ / "joinery.db", .vfs = ""});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    audit_ = *storage::SqliteAuditLog::Open(folder_ / "joinery.db", nullptr);
    administration_ = std::make_unique<Administration>(*store_, clock_, testing::FakeRandomSource(1));
  }

  absl::StatusOr<NewToken> Create() {
    return administration_->CreateToken(
        actor_, {.user = "ann", .project = "vision", .scopes = {"submit"}, .lifetime = absl::Hours(1), .note = ""});
  }

  testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  std::unique_ptr<storage::SqliteAccessStore> store_;
  std::unique_ptr<storage::SqliteAuditLog> audit_;
  std::unique_ptr<Administration> administration_;
  const storage::Actor actor_ = {
      .user = "root", .project = "ops", .token_id = "00112233aabbccdd", .peer = "ipv4:10.0.0.1:1"};
};

// U09: each change tells who, what and when, and no secret.
TEST_F(AdministrationTest, U09EveryChangeIsInTheAuditLogWithoutSecrets) {
  const auto token = Create();
  ASSERT_THAT(token, IsOk());
  ASSERT_THAT(administration_->RevokeToken(actor_, token->record.id), IsOk());
  ASSERT_THAT(administration_->SetLimits(actor_, {storage::LimitKind::kUser, "ann"},
                                         {.blob_bytes = 5, .queued_jobs = std::nullopt, .running_jobs = 1}),
              IsOk());
  const auto entries = audit_->List({});
  ASSERT_THAT(entries, IsOk());
  ASSERT_EQ(entries->size(), 3);
  EXPECT_EQ((*entries)[2].action, "token.create");
  EXPECT_EQ((*entries)[2].subject, token->record.id);
  EXPECT_THAT((*entries)[2].details, HasSubstr("user=ann project=vision scopes=submit expires="));
  EXPECT_EQ((*entries)[1].action, "token.revoke");
  EXPECT_EQ((*entries)[0].action, "limits.set");
  EXPECT_EQ((*entries)[0].subject, "user ann");
  EXPECT_EQ((*entries)[0].details, "blob_bytes=5 queued_jobs=none running_jobs=1");
  for (const storage::AuditEntry& entry : *entries) {
    EXPECT_EQ(entry.by.user, "root");
    EXPECT_EQ(entry.by.token_id, actor_.token_id);
    EXPECT_EQ(entry.by.peer, "ipv4:10.0.0.1:1");
    EXPECT_EQ(entry.time, clock_.Now());
    EXPECT_FALSE(absl::StrContains(entry.details + entry.subject, token->text.substr(8)));
    EXPECT_FALSE(absl::StrContains(entry.details + entry.subject, token->digest));
  }
}

TEST_F(AdministrationTest, WhatCannotBeAuditedIsNotDone) {
  const auto database = storage::Database::Open(folder_ / "joinery.db", storage::Durability::kProcessCrash, "");
  ASSERT_THAT((*database)->Execute("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(FAIL, 'full'); END"),
              IsOk());
  EXPECT_THAT(Create().status(), StatusIs(absl::StatusCode::kInternal, HasSubstr("full")));
  EXPECT_EQ(store_->ListTokens()->size(), 0);
}

TEST_F(AdministrationTest, AFailedChangeIsNotInTheAuditLog) {
  ASSERT_THAT(Create(), IsOk());
  EXPECT_THAT(administration_->RevokeToken(actor_, "none"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_EQ(audit_->List({})->size(), 1);
}

TEST_F(AdministrationTest, AnIdMayBeShortenedButMustBeClear) {
  const auto first = Create();
  const auto second = Create();
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(administration_->RevokeToken(actor_, first->record.id.substr(0, 8)), IsOk());
  EXPECT_TRUE(store_->FindToken(first->digest)->value().revoked_at.has_value());
  EXPECT_FALSE(store_->FindToken(second->digest)->value().revoked_at.has_value());
  EXPECT_THAT(administration_->RevokeToken(actor_, ""), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no token")));
  EXPECT_THAT(administration_->RevokeToken(actor_, "xyz"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("xyz")));
}

TEST_F(AdministrationTest, ATokenGivenForItsIdIsNotRepeated) {
  const auto token = Create();
  const auto revoked = administration_->RevokeToken(actor_, token->text);
  EXPECT_THAT(revoked, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not its id")));
  EXPECT_FALSE(absl::StrContains(revoked.status().message(), token->text));
}

TEST_F(AdministrationTest, WrongLimitsAreRefused) {
  const storage::Limits good;
  EXPECT_THAT(administration_->SetLimits(actor_, {storage::LimitKind::kUser, "a b"}, good),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("name")));
  EXPECT_THAT(administration_->SetLimits(actor_, {storage::LimitKind::kUser, "*"},
                                         {.blob_bytes = -1, .queued_jobs = std::nullopt, .running_jobs = std::nullopt}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("blob_bytes")));
  EXPECT_EQ(audit_->List({})->size(), 0);
  EXPECT_THAT(administration_->SetLimits(actor_, {storage::LimitKind::kProject, "*"}, good), IsOk());
}

}  // namespace
}  // namespace joinery::server::access
