// Why an encrypted connection did not come about, in words.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace joinery::credentials {

struct HandshakeProblem {
  std::string what;
  // What to do.
  std::string fix;
};

// What `grpc_message`, of a call to `server` (HOST:PORT) that failed, says about certificates and encryption; nullopt
// if it is about something else.
std::optional<HandshakeProblem> ExplainHandshake(absl::string_view grpc_message, absl::string_view server);

}  // namespace joinery::credentials
