// What a program proves itself with to a server, and how it knows the server: read from where options, environment and
// configuration say. The token is in no message and no log.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::credentials {

// `tls_ca` for the authorities that this machine trusts.
inline constexpr char kSystemAuthorities[] = "system";

// Where they are. Empty: not given. Files are PEM, but for the token's.
struct Sources {
  // Goes before `token_file`.
  std::string token = {};
  // One line.
  std::string token_file = {};
  // Who signs the server's certificate, or kSystemAuthorities. With it what is said is encrypted.
  std::string tls_ca = {};
  // For a server that wants a certificate of its clients too.
  std::string tls_cert = {};
  std::string tls_key = {};
};

struct Credentials {
  // Empty: none.
  std::string token = {};
  // Where it was read; empty if it was given as text.
  std::string token_file = {};
  bool encrypted = false;
  // Empty, if encrypted: the authorities that this machine trusts.
  std::string authorities_file = {};
  std::string certificate_file = {};
  std::string key_file = {};
};

// Errors: kInvalidArgument options do not belong together or a file is none of that kind · those of reading.
absl::StatusOr<Credentials> ReadCredentials(const Sources& sources);

// Errors: kInvalidArgument the file does not hold a token · those of reading.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// Whether HOST:PORT or [HOST]:PORT is this machine; of names only "localhost" is.
bool IsLoopback(absl::string_view server);

// kFailedPrecondition if the token would cross the network for all to read.
absl::Status CheckTokenIsSafe(const Credentials& credentials, absl::string_view server);

}  // namespace joinery::credentials
