#include "server/access/peer.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace joinery::server::access {
namespace {

constexpr size_t kNetworkBytes = 8;

std::string NetworkOf(const std::string& host) {
  in6_addr address;
  if (inet_pton(AF_INET6, host.c_str(), &address) != 1) return host;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    return text.data();
  }
  if (IN6_IS_ADDR_LOOPBACK(&address)) return "::1";
  std::fill(std::begin(address.s6_addr) + kNetworkBytes, std::end(address.s6_addr), 0);
  inet_ntop(AF_INET6, &address, text.data(), text.size());
  return text.data();
}

}  // namespace

std::string HostOf(const std::string& peer) {
  absl::string_view host = peer;
  if (absl::ConsumePrefix(&host, "ipv4:")) return std::string(host.substr(0, host.rfind(':')));
  if (!absl::ConsumePrefix(&host, "ipv6:")) return peer;
  // gRPC writes the brackets as in a URI, and puts a zone after the address.
  std::string address = absl::StrReplaceAll(host.substr(0, host.rfind(':')), {{"%5B", ""}, {"%5D", ""}});
  address = absl::StrReplaceAll(address, {{"[", ""}, {"]", ""}});
  return NetworkOf(address.substr(0, address.find('%')));
}

}  // namespace joinery::server::access
