#include "client/logins.h"

#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>

#include "base/file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::client {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

class LoginsTest : public ::testing::Test {
 protected:
  LoginsTest() {
    std::filesystem::create_directories(folder_ / "joinery");
    variables_["XDG_CONFIG_HOME"] = folder_.path();
    environment_ = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
  }

  void Configure(const std::string& text) {
    ASSERT_THAT(base::WriteFileAtomically(folder_ / "joinery/config.toml", text), IsOk());
  }

  absl::Status Login(const std::string& server, const std::string& token) {
    ConfigFile login;
    login.server = server;
    login.token = token;
    login.tls_ca = "/keys/\"ca\".pem";
    return SaveLogin(login, environment_);
  }

  testing::TemporaryFolder folder_;
  std::map<std::string, std::string> variables_;
  Environment environment_;
};

TEST_F(LoginsTest, WhatIsKeptIsReadAgainAndForItsOwnerAlone) {
  ASSERT_THAT(Login("[::1]:7420", "joinery_secret"), IsOk());
  const auto login = ReadLogin("[::1]:7420", environment_);
  ASSERT_THAT(login, IsOk());
  EXPECT_EQ(login->server, "[::1]:7420");
  EXPECT_EQ(login->token, "joinery_secret");
  EXPECT_EQ(login->tls_ca, "/keys/\"ca\".pem");
  EXPECT_EQ(login->tls_cert, "");
  EXPECT_EQ(ReadLogin("other:1", environment_)->token, "");
  for (const auto& entry : std::filesystem::directory_iterator(LoginFolder(environment_))) {
    struct stat status {};
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << entry.path();
  }
}

TEST_F(LoginsTest, TheLastLoginGoesAfterTheEnvironmentAndBeforeTheFile) {
  Configure("server = \"configured:1\"\ntoken_file = \"file.token\"\n");
  ASSERT_THAT(Login("first:1", "joinery_1"), IsOk());
  ASSERT_THAT(Login("second:1", "joinery_2"), IsOk());
  EXPECT_THAT(FindServer("", environment_), IsOkAndHolds("second:1"));
  EXPECT_EQ(FindCredentials({}, "second:1", environment_)->token, "joinery_2");
  EXPECT_EQ(FindCredentials({}, "first:1", environment_)->token, "joinery_1");
  EXPECT_EQ(FindCredentials({}, "configured:1", environment_)->token, "");
  EXPECT_EQ(FindCredentials({}, "configured:1", environment_)->token_file, folder_ / "joinery/file.token");
  variables_["JOINERY_SERVER"] = "variable:1";
  variables_["JOINERY_TOKEN"] = "joinery_v";
  EXPECT_THAT(FindServer("", environment_), IsOkAndHolds("variable:1"));
  EXPECT_EQ(FindCredentials({}, "second:1", environment_)->token, "joinery_v");
  EXPECT_EQ(FindCredentials({.token = "joinery_f"}, "second:1", environment_)->token, "joinery_f");
}

TEST_F(LoginsTest, LoggedOutOfItIsGone) {
  EXPECT_THAT(RemoveLogin("first:1", environment_), IsOkAndHolds(false));
  ASSERT_THAT(Login("first:1", "joinery_1"), IsOk());
  ASSERT_THAT(Login("second:1", "joinery_2"), IsOk());
  EXPECT_THAT(RemoveLogin("first:1", environment_), IsOkAndHolds(true));
  EXPECT_THAT(CurrentLogin(environment_), IsOkAndHolds("second:1"));
  EXPECT_THAT(RemoveLogin("second:1", environment_), IsOkAndHolds(true));
  EXPECT_THAT(CurrentLogin(environment_), IsOkAndHolds(""));
  EXPECT_EQ(ReadLogin("second:1", environment_)->token, "");
  EXPECT_THAT(FindServer("", environment_), IsOkAndHolds(kDefaultServer));
}

TEST_F(LoginsTest, ATokenInTheConfigurationFileIsRefused) {
  Configure("token = \"joinery_1\"\n");
  const auto found = FindServer("", environment_);
  EXPECT_THAT(found, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a token does not belong here")));
}

TEST_F(LoginsTest, WithoutAHomeNothingIsKept) {
  variables_.clear();
  EXPECT_THAT(Login("first:1", "joinery_1"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("HOME")));
  EXPECT_THAT(CurrentLogin(environment_), IsOkAndHolds(""));
  EXPECT_THAT(RemoveLogin("first:1", environment_), IsOkAndHolds(false));
}

}  // namespace
}  // namespace joinery::client
