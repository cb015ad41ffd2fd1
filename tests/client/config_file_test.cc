#include "client/config_file.h"

#include <filesystem>
#include <map>
#include <string>

#include "base/file.h"
#include "client/error.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::client {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::StartsWith;

Environment FakeEnvironment(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(ConfigFileTest, ReadsKeysCommentsAndEscapes) {
  const auto config = ParseConfigFile("# where\n\n  server = \"a\\\\b\\\"c:1\"  # there\n", "c");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->server, "a\\b\"c:1");
}

TEST(ConfigFileTest, MistakesNameTheLine) {
  const struct {
    std::string text;
    std::string message;
  } cases[] = {{"\nserver", "c:2: expected key"},
               {"server = host:1", "c:1: expected a value in double quotes"},
               {"server = \"a\" b", "c:1: expected a value"},
               {"server = \"a", "c:1: expected a value"},
               {"server = \"\"", "c:1: server is empty"},
               {"server = \"a\"\nserver = \"b\"", "c:2: server is set twice"},
               {"[table]", "c:1: expected key"}};
  for (const auto& c : cases) {
    EXPECT_THAT(ParseConfigFile(c.text, "c"), StatusIs(absl::StatusCode::kInvalidArgument, StartsWith(c.message)))
        << c.text;
  }
}

TEST(ConfigFileTest, AnUnknownKeyNamesTheNearest) {
  const absl::Status status = ParseConfigFile("#\nsevrer = \"a\"", "c").status();
  EXPECT_EQ(status.message(), "c:2: unknown key \"sevrer\"");
  EXPECT_EQ(Describe(status).fix, "did you mean server?");
}

TEST(ConfigFileTest, FlagBeatsVariableBeatsFileBeatsDefault) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directories(folder / "joinery");
  ASSERT_THAT(base::WriteFileAtomically(folder / "joinery/config.toml", "server = \"from-file:1\"\n"), IsOk());
  const std::string home = folder / "no-such-home";
  EXPECT_THAT(FindServer("", FakeEnvironment({{"HOME", home}})), IsOkAndHolds("127.0.0.1:7420"));
  EXPECT_THAT(FindServer("", FakeEnvironment({{"XDG_CONFIG_HOME", folder.path()}})), IsOkAndHolds("from-file:1"));
  const Environment both = FakeEnvironment({{"XDG_CONFIG_HOME", folder.path()}, {"JOINERY_SERVER", "from-variable"}});
  EXPECT_THAT(FindServer("", both), IsOkAndHolds("from-variable:7420"));
  EXPECT_THAT(FindServer("flag:2", both), IsOkAndHolds("flag:2"));
  EXPECT_THAT(FindServer("http://flag:2", both), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

TEST(FindCredentialsTest, FlagsGoBeforeVariablesAndTheseBeforeTheFile) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "joinery");
  ASSERT_THAT(base::WriteFileAtomically(folder / "joinery/config.toml",
                                        "server = \"a:1\"\ntoken_file = \"token\"\ntls_ca = \"/ca\"\n"),
              IsOk());
  const std::map<std::string, std::string> home = {{"XDG_CONFIG_HOME", folder.path()}};
  const auto configured = FindCredentials({}, "a:1", FakeEnvironment(home));
  ASSERT_THAT(configured, IsOk());
  EXPECT_EQ(configured->token_file, folder / "joinery/token");
  EXPECT_EQ(configured->tls_ca, "/ca");

  std::map<std::string, std::string> variables = home;
  variables["JOINERY_TOKEN"] = "joinery_t";
  variables["JOINERY_TLS_CA"] = "system";
  const auto from_variables = FindCredentials({}, "a:1", FakeEnvironment(variables));
  ASSERT_THAT(from_variables, IsOk());
  EXPECT_EQ(from_variables->token, "joinery_t");
  EXPECT_EQ(from_variables->tls_ca, "system");

  const auto from_flags = FindCredentials({.token_file = "f", .tls_ca = "c"}, "a:1", FakeEnvironment(variables));
  ASSERT_THAT(from_flags, IsOk());
  EXPECT_EQ(from_flags->token, "");
  EXPECT_EQ(from_flags->token_file, "f");
  EXPECT_EQ(from_flags->tls_ca, "c");
}

TEST(FindCredentialsTest, TheFilesTokenIsForTheFilesServerOnly) {
  const testing::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "joinery");
  ASSERT_THAT(base::WriteFileAtomically(folder / "joinery/config.toml", "server = \"a\"\ntoken_file = \"/token\"\n"),
              IsOk());
  const Environment environment = FakeEnvironment({{"XDG_CONFIG_HOME", folder.path()}});
  EXPECT_EQ(FindCredentials({}, "a:7420", environment)->token_file, "/token");
  EXPECT_EQ(FindCredentials({}, "b:7420", environment)->token_file, "");
}

}  // namespace
}  // namespace joinery::client
