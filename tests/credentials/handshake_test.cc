#include "credentials/handshake.h"

#include <gtest/gtest.h>

namespace joinery::credentials {
namespace {

TEST(HandshakeTest, SaysWhatIsWrongWithTheCertificate) {
  const auto name = ExplainHandshake("Peer name build.example is not in peer certificate", "build.example:7420");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->what, "the server's certificate is not for build.example");
  const auto authority =
      ExplainHandshake("SSL_ERROR_SSL: error:0A000086:SSL routines::certificate verify failed", "a:1");
  ASSERT_TRUE(authority.has_value());
  EXPECT_EQ(authority->what, "the certificate of a:1 is not of an authority in --tls-ca, or has expired");
  const auto plain = ExplainHandshake("error:0A00010B:SSL routines::wrong version number", "a:1");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->what, "the server at a:1 does not encrypt");
}

TEST(HandshakeTest, OtherProblemsAreOthers) {
  EXPECT_FALSE(ExplainHandshake("Connection refused", "a:1").has_value());
  EXPECT_FALSE(ExplainHandshake("", "a:1").has_value());
}

}  // namespace
}  // namespace joinery::credentials
