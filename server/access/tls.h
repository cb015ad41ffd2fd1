// Encryption of the server's side: TLS, and mutual TLS where a certificate authority for clients is given.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace joinery::server::access {

// Files in PEM; empty: not given.
struct TlsOptions {
  // The server's certificate, and after it those that lead to a root.
  std::string certificate_file;
  std::string key_file;
  // Who signs the certificates of clients: with it every client needs one.
  std::string client_ca_file;
  // The files are read again so often: renewed certificates count without a restart.
  absl::Duration refresh_period = absl::Seconds(10);
};

inline bool IsEnabled(const TlsOptions& options) { return !options.certificate_file.empty(); }

// Whether the options belong together and the files are what they should be; the end of the certificate's validity.
// Errors: kInvalidArgument an option is missing or a file is none of that kind, naming it · kFailedPrecondition the key
// is another certificate's, or the certificate is not valid now · those of reading.
absl::StatusOr<absl::Time> CheckTlsFiles(const TlsOptions& options, absl::Time now);

// For files that CheckTlsFiles likes. Plain text if TLS is not enabled.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsOptions& options);

}  // namespace joinery::server::access
