#include "server/access/token.h"

#include <set>
#include <string>

#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "storage/sqlite/access_store.h"
#include "tests/testing/fake_random_source.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server::access {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class TokenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto store = storage::SqliteAccessStore::Open({.path = folder_ / "joinery.db", .vfs = ""});
    ASSERT_THAT(store, IsOk());
    store_ = *std::move(store);
  }

  absl::StatusOr<NewToken> Issue(const TokenRequest& request) {
    ASSIGN_OR_RETURN(NewToken token, MakeToken(request, "root", kNow, random_));
    RETURN_IF_ERROR(store_->AddToken(token.record, token.digest, {}));
    return token;
  }

  static TokenRequest GoodRequest() {
    return {.user = "ann", .project = "vision", .scopes = {"submit"}, .lifetime = absl::Hours(1), .note = "laptop"};
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<storage::SqliteAccessStore> store_;
  storage::RandomSource random_ = testing::FakeRandomSource(1);
};

TEST_F(TokenTest, ATokenIsRecognisableAndStoredAsItsDigestOnly) {
  const auto token = Issue(GoodRequest());
  ASSERT_THAT(token, IsOk());
  EXPECT_THAT(token->text, ::testing::MatchesRegex("joinery_[A-Za-z0-9_-]+"));
  EXPECT_EQ(token->text.size(), 51);
  EXPECT_TRUE(LooksLikeToken(token->text));
  const std::string digest = base::Sha256(token->text);
  EXPECT_EQ(token->record.id, digest.substr(0, 16));
  const auto found = store_->FindToken(digest);
  ASSERT_TRUE(found.ok() && found->has_value());
  EXPECT_EQ((*found)->user, "ann");
  EXPECT_EQ((*found)->created_by, "root");
  EXPECT_EQ((*found)->expires_at, kNow + absl::Hours(1));
  EXPECT_EQ(ScopeNames(**found), std::vector<std::string>{"submit"});
  store_.reset();
  for (const char* name : {"joinery.db", "joinery.db-wal"}) {
    const auto bytes = base::ReadFile(folder_ / name, 1 << 24);
    if (absl::IsNotFound(bytes.status())) continue;
    ASSERT_THAT(bytes, IsOk());
    EXPECT_THAT(*bytes, ::testing::Not(HasSubstr(token->text.substr(8)))) << name;
  }
}

TEST_F(TokenTest, NoTwoAreAlike) {
  std::set<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    const auto token = Issue(GoodRequest());
    ASSERT_THAT(token, IsOk());
    texts.insert(token->text);
  }
  EXPECT_EQ(texts.size(), 100);
}

TEST_F(TokenTest, AForeverTokenHasNoExpiry) {
  TokenRequest request = GoodRequest();
  request.lifetime = absl::InfiniteDuration();
  EXPECT_EQ(Issue(request)->record.expires_at, std::nullopt);
}

TEST_F(TokenTest, WrongRequestsSayWhatIsWrong) {
  const auto with = [](const std::function<void(TokenRequest&)>& change) {
    TokenRequest request = GoodRequest();
    change(request);
    return request;
  };
  const struct {
    TokenRequest request;
    std::string message;
  } cases[] = {
      {with([](auto& r) { r.user = ""; }), "user"},
      {with([](auto& r) { r.user = "a b"; }), "user"},
      {with([](auto& r) { r.user = "-a"; }), "user"},
      {with([](auto& r) { r.user = std::string(65, 'a'); }), "user"},
      {with([](auto& r) { r.project = "a\nb"; }), "project"},
      {with([](auto& r) { r.scopes = {}; }), "scopes"},
      {with([](auto& r) { r.scopes = {"root"}; }), "root"},
      {with([](auto& r) { r.lifetime = absl::ZeroDuration(); }), "lifetime"},
      {with([](auto& r) { r.lifetime = absl::Hours(24 * 36500); }), "lifetime"},
      {with([](auto& r) { r.note = "\x1b[2J"; }), "note"},
      {with([](auto& r) { r.note = std::string(201, 'a'); }), "note"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Issue(c.request), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
  EXPECT_EQ(store_->ListTokens()->size(), 0);
}

TEST(LooksLikeTokenTest, OnlyWhatCouldBeOneDoes) {
  const std::string good = "joinery_" + std::string(43, 'A');
  EXPECT_TRUE(LooksLikeToken(good));
  for (const std::string& bad : {std::string(), std::string("joinery_"), good + "A", good.substr(1), good.substr(0, 50),
                                 good.substr(0, 50) + " ", "Joinery_" + std::string(43, 'A')}) {
    EXPECT_FALSE(LooksLikeToken(bad)) << bad;
  }
}

}  // namespace
}  // namespace joinery::server::access
