#include "worker/command_line.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace joinery::worker {
namespace {

CommandLine Parse(std::vector<const char*> words, std::map<std::string, std::string> environment = {}) {
  words.insert(words.begin(), "joinery-worker");
  const Surroundings surroundings{.environment = [&](const char* name) { return environment[name]; },
                                  .host_name = "host",
                                  .process_id = 42,
                                  .program_folder = "/opt/joinery/bin"};
  return ParseCommandLine(static_cast<int>(words.size()), words.data(), surroundings);
}

TEST(CommandLineTest, DefaultsNeedOnlyAHome) {
  const CommandLine line = Parse({}, {{"HOME", "/users/me"}});
  ASSERT_TRUE(line.settings.has_value());
  EXPECT_EQ(line.settings->server, "127.0.0.1:7420");
  EXPECT_EQ(line.settings->name, "host-42");
  EXPECT_EQ(line.settings->compiler, "/opt/joinery/bin/joineryc");
  EXPECT_EQ(line.settings->cache_folder, "/users/me/.cache/joinery/worker");
  EXPECT_EQ(line.settings->work_folder, "/users/me/.cache/joinery/work");
  EXPECT_EQ(line.settings->cache_bytes, int64_t{20} << 30);
  EXPECT_EQ(line.settings->memory_bytes, int64_t{8} << 30);
  EXPECT_EQ(line.settings->time_limit, absl::Minutes(30));
}

TEST(CommandLineTest, TheEnvironmentIsHeededAndOptionsGoBeforeIt) {
  const std::map<std::string, std::string> environment = {{"JOINERY_SERVER", "a:1"}, {"XDG_CACHE_HOME", "/x"}};
  EXPECT_EQ(Parse({}, environment).settings->server, "a:1");
  EXPECT_EQ(Parse({}, environment).settings->cache_folder, "/x/joinery/worker");
  EXPECT_EQ(Parse({"--server", "b:2"}, environment).settings->server, "b:2");
}

TEST(CommandLineTest, SizesAndTimesHaveUnits) {
  const CommandLine line =
      Parse({"--cache-size=1MiB", "--memory-limit", "0", "--time-limit", "90s", "--cache-dir=/c", "--work-dir=/w"});
  ASSERT_TRUE(line.settings.has_value());
  EXPECT_EQ(line.settings->cache_bytes, 1 << 20);
  EXPECT_EQ(line.settings->memory_bytes, 0);
  EXPECT_EQ(line.settings->time_limit, absl::Seconds(90));
}

TEST(CommandLineTest, VendorsToolsArePrograms) {
  const std::map<std::string, std::string> home = {{"HOME", "/users/me"}};
  const CommandLine line = Parse({"--vendor-tool=pulsar2=/bin/sh", "--vendor-tool", "pulsar=/bin/sh"}, home);
  ASSERT_TRUE(line.settings.has_value());
  EXPECT_EQ(line.settings->vendor_tools, (std::vector<std::string>{"pulsar2=/bin/sh", "pulsar=/bin/sh"}));
  for (const char* tool : {"pulsar2", "pulsar2=sh", "pulsar2=/no/such/file", "other=/bin/sh", "pulsar2=/bin",
                           "pulsar2=docker://pulsar2:4.0"}) {
    EXPECT_EQ(Parse({"--vendor-tool", tool}, home).exit_code, 2) << tool;
  }
}

TEST(CommandLineTest, GpusAreChosenByNumber) {
  const std::map<std::string, std::string> home = {{"HOME", "/users/me"}};
  EXPECT_EQ(Parse({}, home).settings->gpus, std::nullopt);
  EXPECT_EQ(Parse({"--gpus=none"}, home).settings->gpus, std::vector<int>());
  const CommandLine line = Parse({"--gpus", "3,2", "--gpu-libraries=/a", "--gpu-libraries", "/b"}, home);
  ASSERT_TRUE(line.settings.has_value());
  EXPECT_EQ(line.settings->gpus, (std::vector<int>{2, 3}));
  EXPECT_EQ(line.settings->gpu_libraries, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(Parse({"--gpus=x"}, home).exit_code, 2);
}

TEST(CommandLineTest, TheSandboxIsChosenAndChecked) {
  const std::map<std::string, std::string> home = {{"HOME", "/users/me"}};
  EXPECT_EQ(Parse({}, home).settings->sandbox, SandboxMode::kAuto);
  EXPECT_FALSE(Parse({}, home).settings->check_only);
  const CommandLine line = Parse(
      {"check", "--sandbox", "full", "--readable=/a", "--readable", "/b", "--grace=5s", "--disk-limit=1GiB"}, home);
  ASSERT_TRUE(line.settings.has_value());
  EXPECT_TRUE(line.settings->check_only);
  EXPECT_EQ(line.settings->sandbox, SandboxMode::kFull);
  EXPECT_EQ(line.settings->readable, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(line.settings->grace, absl::Seconds(5));
  EXPECT_EQ(line.settings->disk_bytes, int64_t{1} << 30);
  EXPECT_EQ(Parse({"--sandbox=none"}, home).exit_code, 2);
}

TEST(CommandLineTest, MistakesAreUsageErrors) {
  const std::map<std::string, std::string> home = {{"HOME", "/users/me"}};
  for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{{"--cache-size=much"},
                                                                                     {"--time-limit=-1s"},
                                                                                     {"--time-limit=30"},
                                                                                     {"--name="},
                                                                                     {"--log-level=loud"},
                                                                                     {"--no-such-option"},
                                                                                     {"extra"}}) {
    const CommandLine line = Parse(words, home);
    EXPECT_FALSE(line.settings.has_value()) << words[0];
    EXPECT_EQ(line.exit_code, 2) << words[0];
  }
  EXPECT_EQ(Parse({}).exit_code, 2);  // No home, no folders named.
}

TEST(CommandLineTest, HelpAndVersionEndWithZero) {
  EXPECT_EQ(Parse({"--help"}).exit_code, 0);
  EXPECT_EQ(Parse({"--version"}).exit_code, 0);
}

TEST(CommandLineTest, ATokenFileGoesBeforeTheEnvironment) {
  const std::map<std::string, std::string> environment = {
      {"HOME", "/users/me"}, {"JOINERY_TOKEN", "joinery_t"}, {"JOINERY_TLS_CA", "/ca"}};
  EXPECT_EQ(Parse({}, environment).settings->credentials.token, "joinery_t");
  EXPECT_EQ(Parse({}, environment).settings->credentials.tls_ca, "/ca");
  const CommandLine line = Parse({"--token-file", "/t", "--tls-ca", "/other"}, environment);
  ASSERT_TRUE(line.settings.has_value());
  EXPECT_EQ(line.settings->credentials.token, "");
  EXPECT_EQ(line.settings->credentials.token_file, "/t");
  EXPECT_EQ(line.settings->credentials.tls_ca, "/other");
}

}  // namespace
}  // namespace joinery::worker
