#include "server/access/peer.h"

#include <gtest/gtest.h>

namespace joinery::server::access {
namespace {

TEST(PeerTest, TheHostIsTheAddressWithoutThePort) {
  const struct {
    std::string peer;
    std::string host;
  } cases[] = {
      {"ipv4:10.0.0.7:51022", "10.0.0.7"},
      {"ipv6:%5B::1%5D:40000", "::1"},
      {"ipv6:[::1]:40000", "::1"},
      // One host may take any address of its network.
      {"ipv6:%5B2001:db8:1:2:3:4:5:6%5D:40000", "2001:db8:1:2::"},
      {"ipv6:%5B2001:db8:1:2:ffff::1%5D:40000", "2001:db8:1:2::"},
      {"ipv6:%5Bfe80::1%25eth0%5D:40000", "fe80::"},
      {"ipv6:%5B::ffff:10.0.0.7%5D:40000", "10.0.0.7"},
      {"unix:/run/joinery", "unix:/run/joinery"},
      {"", ""},
  };
  for (const auto& c : cases) EXPECT_EQ(HostOf(c.peer), c.host) << c.peer;
}

}  // namespace
}  // namespace joinery::server::access
