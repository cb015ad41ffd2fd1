#include "server/listen_address.h"

#include <arpa/inet.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace joinery::server {
namespace {

constexpr int kMaxPort = 65535;

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

}  // namespace

absl::Status CheckLoopback(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == absl::string_view::npos || colon == 0 || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > kMaxPort) {
    return absl::InvalidArgumentError(absl::StrCat("--listen wants HOST:PORT, not \"", address, "\""));
  }
  absl::string_view host = address.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  if (IsLoopback(std::string(host))) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "--listen ", address,
      " would let everybody on the network read models and run jobs: give --tls-cert and --tls-key and make "
      "a token (docs/access.md), or listen on 127.0.0.1 and use an SSH tunnel, or, in a network you "
      "trust, add --insecure-listen-anywhere"));
}

std::string WithPort(absl::string_view address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace joinery::server
