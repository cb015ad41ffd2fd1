#include "server/access/token_authenticator.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/access/token.h"
#include "storage/sqlite/access_store.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server::access {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

class TokenAuthenticatorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = storage::SqliteAccessStore::Open({.path = folder_ / "joinery.db", .vfs = ""});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
    Make({});
  }

  void Make(const TokenAuthenticatorOptions& options) {
    authenticator_ = std::make_unique<TokenAuthenticator>(options, *store_, clock_);
  }

  NewToken Issue(const std::vector<std::string>& scopes) {
    const TokenRequest request = {
        .user = "ann", .project = "vision", .scopes = scopes, .lifetime = absl::Hours(1), .note = ""};
    const auto token = MakeToken(request, "root", clock_.Now(), random_);
    EXPECT_THAT(token, IsOk());
    EXPECT_THAT(store_->AddToken(token->record, token->digest, {}), IsOk());
    return *token;
  }

  absl::StatusOr<Caller> Call(const std::string& token, Scope scope = Scope::kSubmit,
                              const std::string& peer = "ipv4:10.0.0.7:1") {
    return authenticator_->Authenticate({.peer = peer, .authorization = {absl::StrCat("Bearer ", token)}}, scope);
  }

  testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  storage::RandomSource random_ = testing::FakeRandomSource(1);
  std::unique_ptr<storage::SqliteAccessStore> store_;
  std::unique_ptr<TokenAuthenticator> authenticator_;
};

TEST_F(TokenAuthenticatorTest, WithoutTokensEverybodyIsLocalAndFromTheFirstOnEverybodyNeedsOne) {
  const Credentials nothing = {.peer = "ipv4:127.0.0.1:1", .authorization = {}};
  const auto local = authenticator_->Authenticate(nothing, Scope::kAdmin);
  ASSERT_THAT(local, IsOk());
  EXPECT_EQ(local->user, "local");
  EXPECT_EQ(local->project, "default");

  const NewToken token = Issue({"submit"});
  EXPECT_THAT(authenticator_->Authenticate(nothing, Scope::kSubmit),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("JOINERY_TOKEN")));
  ASSERT_THAT(store_->RevokeToken(token.record.id, clock_.Now(), {}), IsOk());
  EXPECT_THAT(authenticator_->Authenticate(nothing, Scope::kSubmit),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("wants a token")));
}

TEST_F(TokenAuthenticatorTest, ATokenTellsUserProjectAndRights) {
  const NewToken token = Issue({"submit", "admin"});
  const auto caller = Call(token.text, Scope::kAdmin | Scope::kWork);
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->user, "ann");
  EXPECT_EQ(caller->project, "vision");
  EXPECT_TRUE(caller->may_submit);
  EXPECT_FALSE(caller->may_work);
  EXPECT_TRUE(caller->may_admin);
}

TEST_F(TokenAuthenticatorTest, AMissingScopeIsNamed) {
  const NewToken token = Issue({"work"});
  EXPECT_THAT(Call(token.text, Scope::kSubmit | Scope::kAdmin),
              StatusIs(absl::StatusCode::kPermissionDenied,
                       ::testing::AllOf(HasSubstr("is for work"), HasSubstr("needs submit or admin"))));
}

// B06: an expired token.
TEST_F(TokenAuthenticatorTest, B06AnExpiredTokenIsRefusedFromItsLastMomentOn) {
  const NewToken token = Issue({"submit"});
  clock_.Advance(absl::Hours(1) - absl::Nanoseconds(1));
  EXPECT_THAT(Call(token.text), IsOk());
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_THAT(Call(token.text), StatusIs(absl::StatusCode::kUnauthenticated,
                                         ::testing::AllOf(HasSubstr("expired on"), HasSubstr(token.record.id),
                                                          HasSubstr("ask an administrator"))));
}

// U06: tokens are rotated without a restart.
TEST_F(TokenAuthenticatorTest, U06ATokenThatAnotherProcessRevokedIsRefusedAtOnce) {
  const NewToken token = Issue({"submit"});
  ASSERT_THAT(Call(token.text), IsOk());
  const auto other = storage::SqliteAccessStore::Open({.path = folder_ / "joinery.db", .vfs = ""});
  ASSERT_THAT((*other)->RevokeToken(token.record.id, clock_.Now(), {}), IsOk());
  EXPECT_THAT(Call(token.text), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("revoked on")));
  EXPECT_THAT(Call(Issue({"submit"}).text), IsOk());
}

TEST_F(TokenAuthenticatorTest, WhatIsNoTokenIsRefusedWithWhatToDo) {
  const NewToken token = Issue({"submit"});
  const std::string text = token.text;
  const struct {
    std::vector<std::string> authorization;
    std::string message;
  } cases[] = {
      {{}, "wants a token"},
      {{""}, "not \"Bearer TOKEN\""},
      {{text}, "not \"Bearer TOKEN\""},
      {{"Basic " + text}, "not \"Bearer TOKEN\""},
      {{"Bearer"}, "cut off"},
      {{"Bearer " + text.substr(0, 50)}, "cut off"},
      {{"Bearer  " + text}, "cut off"},
      {{"Bearer " + text + "\n"}, "cut off"},
      {{"Bearer joinery_" + std::string(43, 'A')}, "does not know"},
      {{"Bearer " + text, "Bearer " + text}, "more than one"},
  };
  for (const auto& c : cases) {
    Make({});
    const auto result =
        authenticator_->Authenticate({.peer = "ipv4:10.0.0.7:1", .authorization = c.authorization}, Scope::kSubmit);
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr(c.message)));
    EXPECT_THAT(std::string(result.status().message()), ::testing::Not(HasSubstr(text.substr(8, 40))));
  }
  EXPECT_THAT(authenticator_->Authenticate({.peer = "", .authorization = {"bearer " + text}}, Scope::kSubmit), IsOk());
}

TEST_F(TokenAuthenticatorTest, WrongTokensAreThrottledByAddressButRightOnesGoOn) {
  Make({.calls_per_host = {.rate = 1000, .burst = 1000}, .failures_per_host = {.rate = 0.2, .burst = 3}});
  const NewToken token = Issue({"submit"});
  const NewToken unseen = Issue({"submit"});
  ASSERT_THAT(Call(token.text), IsOk());
  const std::string wrong = "joinery_" + std::string(43, 'A');
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Call(wrong), StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("")));
  EXPECT_THAT(Call(wrong), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("wait 5s")));
  // A right one that was never seen could be a lucky guess.
  EXPECT_THAT(Call(unseen.text), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("10.0.0.7")));
  EXPECT_THAT(Call(token.text), IsOk());
  EXPECT_THAT(Call(wrong, Scope::kSubmit, "ipv4:10.0.0.8:1"),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("")));
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Call(unseen.text), IsOk());
}

TEST_F(TokenAuthenticatorTest, CallsAreLimitedByAddressWhateverTheySay) {
  Make({.calls_per_host = {.rate = 1, .burst = 2}, .failures_per_host = {}});
  const NewToken token = Issue({"submit"});
  EXPECT_THAT(Call(token.text), IsOk());
  EXPECT_THAT(Call(token.text, Scope::kSubmit, "ipv4:10.0.0.7:2"), IsOk());
  EXPECT_THAT(Call(token.text),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("too many calls from 10.0.0.7")));
  EXPECT_THAT(Call(token.text, Scope::kSubmit, "ipv4:10.0.0.9:1"), IsOk());
}

TEST_F(TokenAuthenticatorTest, TheLastUseIsStoredOnceAMinute) {
  const NewToken token = Issue({"submit"});
  const absl::Time first = clock_.Now();
  ASSERT_THAT(Call(token.text), IsOk());
  clock_.Advance(absl::Seconds(59));
  ASSERT_THAT(Call(token.text), IsOk());
  EXPECT_EQ(store_->ListTokens()->front().last_used_at, first);
  clock_.Advance(absl::Seconds(1));
  ASSERT_THAT(Call(token.text), IsOk());
  EXPECT_EQ(store_->ListTokens()->front().last_used_at, clock_.Now());
}

}  // namespace
}  // namespace joinery::server::access
