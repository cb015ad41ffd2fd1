#include "credentials/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "credentials/token_source.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::credentials {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::_;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class CredentialsTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) const {
    EXPECT_THAT(base::WriteFileAtomically(folder_ / name, text), IsOk());
    return folder_ / name;
  }

  TemporaryFolder folder_;
};

TEST_F(CredentialsTest, NothingGivenIsPlainTextWithoutToken) {
  const auto credentials = ReadCredentials({});
  ASSERT_THAT(credentials, IsOk());
  EXPECT_EQ(credentials->token, "");
  EXPECT_FALSE(credentials->encrypted);
}

TEST_F(CredentialsTest, TheTokenIsTheLineOfTheFile) {
  Sources sources{.token_file = Write("token", "joinery_abc-D_9\n")};
  EXPECT_EQ(ReadCredentials(sources)->token, "joinery_abc-D_9");
  sources.token = "joinery_other";
  EXPECT_EQ(ReadCredentials(sources)->token, "joinery_other");
}

TEST_F(CredentialsTest, WhatIsNoTokenIsNamedButNotRepeated) {
  const std::string path = Write("token", "joinery_secret and more\n");
  EXPECT_THAT(ReadCredentials({.token_file = path}),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(path + " does not hold a token"), Not(HasSubstr("secret")))));
  EXPECT_THAT(ReadCredentials({.token = "two\nlines"}),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr("JOINERY_TOKEN"), Not(HasSubstr("lines")))));
  EXPECT_THAT(ReadCredentials({.token_file = Write("empty", "\n")}), StatusIs(absl::StatusCode::kInvalidArgument, _));
  EXPECT_THAT(ReadCredentials({.token_file = folder_ / "missing"}), StatusIs(absl::StatusCode::kNotFound, _));
}

TEST_F(CredentialsTest, EncryptionNeedsAnAuthorityAndPairs) {
  const std::string ca = Write("ca.pem", "-----BEGIN CERTIFICATE-----\n");
  const std::string key = Write("key.pem", "-----BEGIN PRIVATE KEY-----\n");
  EXPECT_TRUE(ReadCredentials({.tls_ca = ca})->encrypted);
  EXPECT_TRUE(ReadCredentials({.tls_ca = kSystemAuthorities})->encrypted);
  EXPECT_THAT(ReadCredentials({.tls_ca = ca, .tls_cert = ca, .tls_key = key}), IsOk());
  const Sources wrong[] = {{.tls_ca = key},
                           {.tls_ca = ca, .tls_cert = ca},
                           {.tls_ca = ca, .tls_key = key},
                           {.tls_cert = ca, .tls_key = key},
                           {.tls_ca = ca, .tls_cert = ca, .tls_key = ca}};
  for (const Sources& sources : wrong) {
    EXPECT_THAT(ReadCredentials(sources), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--tls-")));
  }
}

TEST_F(CredentialsTest, ATokenFileThatIsExchangedGivesTheNewToken) {
  const std::string path = Write("token", "joinery_old\n");
  TokenSource token("joinery_old", path);
  EXPECT_EQ(token.Now(), "joinery_old");
  Write("token", "joinery_new\n");
  EXPECT_EQ(token.Now(), "joinery_new");
}

TEST_F(CredentialsTest, WithoutAnotherProperTokenTheLastOneStays) {
  const std::string path = Write("token", "joinery_old\n");
  TokenSource token("joinery_old", path);
  Write("token", "");
  EXPECT_EQ(token.Now(), "joinery_old");
  ASSERT_TRUE(std::filesystem::remove(path));
  EXPECT_EQ(token.Now(), "joinery_old");
  Write("token", "joinery_later\n");
  EXPECT_EQ(token.Now(), "joinery_later");
  EXPECT_EQ(TokenSource("joinery_text", "").Now(), "joinery_text");
}

TEST(TokenSafetyTest, OnlyThisMachineAndEncryptedServersGetTheToken) {
  const Credentials plain{.token = "joinery_secret"};
  for (const char* server : {"localhost:1", "127.0.0.1:1", "127.8.8.8:1", "[::1]:7420"}) {
    EXPECT_THAT(CheckTokenIsSafe(plain, server), IsOk()) << server;
  }
  for (const char* server : {"127.evil.example:1", "10.0.0.1:1", "[::2]:1", "localhost.example:1", "unix:/x",
                             "ipv4:10.0.0.1:1", "127.0.0.1:1,10.0.0.1:1"}) {
    EXPECT_THAT(CheckTokenIsSafe(plain, server),
                StatusIs(absl::StatusCode::kFailedPrecondition, AllOf(HasSubstr("--tls-ca"), Not(HasSubstr("secret")))))
        << server;
    EXPECT_THAT(CheckTokenIsSafe({.token = "t", .encrypted = true}, server), IsOk());
    EXPECT_THAT(CheckTokenIsSafe({}, server), IsOk());
  }
}

}  // namespace
}  // namespace joinery::credentials
