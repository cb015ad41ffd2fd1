#include "server/listen_address.h"

#include "tests/testing/status_matchers.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;

TEST(ListenAddressTest, OnlyLoopbackIsSafeWithoutEncryption) {
  for (const char* safe : {"127.0.0.1:7420", "127.8.8.8:0", "localhost:1", "[::1]:65535"}) {
    EXPECT_THAT(CheckLoopback(safe), IsOk()) << safe;
  }
  for (const char* open : {"0.0.0.0:7420", "[::]:7420", "192.168.1.2:1", "build.example:1", "127.0.0.1.example:1"}) {
    EXPECT_THAT(CheckLoopback(open),
                StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr("--insecure-listen-anywhere")))
        << open;
  }
  for (const char* wrong : {"", "127.0.0.1", ":7420", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "localhost:-1"}) {
    EXPECT_THAT(CheckLoopback(wrong), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("HOST:PORT")))
        << wrong;
  }
}

TEST(ListenAddressTest, WithPortReplacesThePort) {
  EXPECT_EQ(WithPort("127.0.0.1:0", 99), "127.0.0.1:99");
  EXPECT_EQ(WithPort("[::1]:0", 99), "[::1]:99");
}

}  // namespace
}  // namespace joinery::server
