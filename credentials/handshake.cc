#include "credentials/handshake.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace joinery::credentials {

std::optional<HandshakeProblem> ExplainHandshake(absl::string_view grpc_message, absl::string_view server) {
  // OpenSSL's words, with underscores in some versions.
  const std::string message = absl::AsciiStrToLower(grpc_message);
  const auto says = [&message](absl::string_view words) { return absl::StrContains(message, words); };
  if (says("is not in peer certificate") || says("hostname verification")) {
    return HandshakeProblem{absl::StrCat("the server's certificate is not for ", server.substr(0, server.rfind(':'))),
                            "name the server as its certificate does, or have one made with that subjectAltName"};
  }
  if (says("certificate verify failed") || says("certificate_verify_failed")) {
    return HandshakeProblem{
        absl::StrCat("the certificate of ", server, " is not of an authority in --tls-ca, or has expired"),
        "give the authority that signed it with --tls-ca FILE, or have the certificate renewed"};
  }
  if (says("wrong version number") || says("wrong_version_number")) {
    return HandshakeProblem{absl::StrCat("the server at ", server, " does not encrypt"),
                            "start it with --tls-cert and --tls-key, or leave out --tls-ca"};
  }
  if (says("certificate required") || says("certificate_required") || says("bad certificate") || says("unknown ca") ||
      says("handshake failure")) {
    return HandshakeProblem{absl::StrCat("the server at ", server, " does not accept this side's certificate"),
                            "give one that its --tls-client-ca signed with --tls-cert and --tls-key"};
  }
  return std::nullopt;
}

}  // namespace joinery::credentials
