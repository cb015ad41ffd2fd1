// Where the server may listen.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::server {

// Of HOST:PORT or [HOST]:PORT; the host may be a name, of which only "localhost" is loopback.
// Errors: kInvalidArgument it has another form or the port is none · kFailedPrecondition the host is not loopback.
absl::Status CheckLoopback(absl::string_view address);

// HOST:PORT with this port instead.
std::string WithPort(absl::string_view address, int port);

}  // namespace joinery::server
