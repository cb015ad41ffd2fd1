// Where a call comes from.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace joinery::server::access {

// The address in gRPC's name of a peer, without the port: "ipv4:10.0.0.7:51022" is "10.0.0.7". Of IPv6 the first 64
// bits, which is what one host is given. Other forms stay as they are.
std::string HostOf(const std::string& peer);

}  // namespace joinery::server::access
