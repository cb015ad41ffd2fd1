#include "credentials/credentials.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status.h"

namespace joinery::credentials {
namespace {

constexpr int64_t kMaxTokenSize = 4096;
constexpr int64_t kMaxPemSize = int64_t{4} << 20;

bool IsTokenText(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-._~+/=", absl::string_view(&c, 1));
  });
}

absl::StatusOr<std::string> ParseToken(absl::string_view text, absl::string_view from) {
  const absl::string_view token = absl::StripAsciiWhitespace(text);
  if (IsTokenText(token)) return std::string(token);
  return absl::InvalidArgumentError(
      absl::StrCat(from, " does not hold a token: it should be the one line that joinery admin token create printed"));
}

absl::StatusOr<std::string> ReadToken(const Sources& sources) {
  if (!sources.token.empty()) return ParseToken(sources.token, "JOINERY_TOKEN");
  if (sources.token_file.empty()) return "";
  return ReadTokenFile(sources.token_file);
}

absl::Status CheckPem(const std::string& path, absl::string_view option, absl::string_view what) {
  ASSIGN_OR_RETURN(const std::string pem, base::ReadFile(path, kMaxPemSize));
  if (absl::StrContains(pem, "-----BEGIN ") && absl::StrContains(pem, what)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(option, " ", path, " holds no ", absl::AsciiStrToLower(what),
                                                 "; it should be a PEM file with a line -----BEGIN ", what, "-----"));
}

absl::Status CheckTogether(const Sources& sources) {
  if (sources.tls_cert.empty() != sources.tls_key.empty()) {
    return absl::InvalidArgumentError(sources.tls_cert.empty()
                                          ? "--tls-key without --tls-cert: give the certificate of the key too"
                                          : "--tls-cert without --tls-key: give the key of the certificate too");
  }
  if (!sources.tls_cert.empty() && sources.tls_ca.empty()) {
    return absl::InvalidArgumentError(
        "--tls-cert without --tls-ca: give the authority that signed the server's certificate too");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Credentials> ReadCredentials(const Sources& sources) {
  RETURN_IF_ERROR(CheckTogether(sources));
  Credentials credentials;
  ASSIGN_OR_RETURN(credentials.token, ReadToken(sources));
  if (sources.token.empty()) credentials.token_file = sources.token_file;
  credentials.encrypted = !sources.tls_ca.empty();
  if (credentials.encrypted && sources.tls_ca != kSystemAuthorities) {
    RETURN_IF_ERROR(CheckPem(sources.tls_ca, "--tls-ca", "CERTIFICATE"));
    credentials.authorities_file = sources.tls_ca;
  }
  if (!sources.tls_cert.empty()) {
    RETURN_IF_ERROR(CheckPem(sources.tls_cert, "--tls-cert", "CERTIFICATE"));
    RETURN_IF_ERROR(CheckPem(sources.tls_key, "--tls-key", "PRIVATE KEY"));
    credentials.certificate_file = sources.tls_cert;
    credentials.key_file = sources.tls_key;
  }
  return credentials;
}

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kMaxTokenSize));
  return ParseToken(text, path);
}

bool IsLoopback(absl::string_view server) {
  absl::string_view host = server.substr(0, server.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  if (host == "localhost") return true;
  const std::string text(host);
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == 127;
  in6_addr v6;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

absl::Status CheckTokenIsSafe(const Credentials& credentials, absl::string_view server) {
  if (credentials.token.empty() || credentials.encrypted || IsLoopback(server)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the token would be readable by everybody on the way to ", server,
                   ": give --tls-ca with the authority that signed the server's certificate"));
}

}  // namespace joinery::credentials
