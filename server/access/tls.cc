#include "server/access/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"

namespace joinery::server::access {
namespace {

constexpr int64_t kMaxPemBytes = int64_t{1} << 20;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

Bio BioOf(const std::string& bytes) { return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size()))); }

// An encrypted key is not asked a password for at a terminal nobody looks at.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

absl::StatusOr<Certificate> ReadCertificate(const std::string& option, const std::string& path) {
  absl::StatusOr<std::string> bytes = base::ReadFile(path, kMaxPemBytes);
  if (!bytes.ok()) return base::Annotate(bytes.status(), option);
  Certificate certificate(PEM_read_bio_X509(BioOf(*bytes).get(), nullptr, NoPassword, nullptr));
  if (certificate != nullptr) return certificate;
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": ", path, " has no certificate (PEM, \"-----BEGIN CERTIFICATE-----\")"));
}

absl::StatusOr<Key> ReadKey(const std::string& path) {
  absl::StatusOr<std::string> bytes = base::ReadFile(path, kMaxPemBytes);
  if (!bytes.ok()) return base::Annotate(bytes.status(), "--tls-key");
  Key key(PEM_read_bio_PrivateKey(BioOf(*bytes).get(), nullptr, NoPassword, nullptr));
  if (key != nullptr) return key;
  return absl::InvalidArgumentError(absl::StrCat(
      "--tls-key: ", path, " has no private key without a password (PEM, \"-----BEGIN PRIVATE KEY-----\")"));
}

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InvalidArgumentError("the certificate has a time that is none");
  return absl::FromUnixSeconds(timegm(&parts));
}

std::string Format(absl::Time time) { return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone()); }

absl::StatusOr<absl::Time> CheckValidity(const X509& certificate, const std::string& path, absl::Time now) {
  ASSIGN_OR_RETURN(const absl::Time begin, TimeOf(X509_get0_notBefore(&certificate)));
  ASSIGN_OR_RETURN(const absl::Time end, TimeOf(X509_get0_notAfter(&certificate)));
  if (now >= end) {
    return absl::FailedPreconditionError(
        absl::StrCat("--tls-cert: ", path, " expired on ", Format(end), "; renew it, as docs/access.md shows"));
  }
  if (now < begin) {
    return absl::FailedPreconditionError(absl::StrCat("--tls-cert: ", path, " is valid from ", Format(begin),
                                                      " only; is this host's clock (", Format(now), ") right?"));
  }
  return end;
}

absl::Status CheckCompleteness(const TlsOptions& options) {
  if (options.certificate_file.empty() != options.key_file.empty()) {
    return absl::InvalidArgumentError("--tls-cert and --tls-key go together: give both, or neither");
  }
  if (options.certificate_file.empty() && !options.client_ca_file.empty()) {
    return absl::InvalidArgumentError("--tls-client-ca needs --tls-cert and --tls-key");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<absl::Time> CheckTlsFiles(const TlsOptions& options, absl::Time now) {
  RETURN_IF_ERROR(CheckCompleteness(options));
  if (!IsEnabled(options)) return absl::InfiniteFuture();
  ASSIGN_OR_RETURN(const Certificate certificate, ReadCertificate("--tls-cert", options.certificate_file));
  ASSIGN_OR_RETURN(const Key key, ReadKey(options.key_file));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("--tls-key: ", options.key_file, " is not the key of the certificate ", options.certificate_file));
  }
  if (!options.client_ca_file.empty()) {
    RETURN_IF_ERROR(ReadCertificate("--tls-client-ca", options.client_ca_file).status());
  }
  return CheckValidity(*certificate, options.certificate_file, now);
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsOptions& options) {
  if (!IsEnabled(options)) return grpc::InsecureServerCredentials();
  const auto period = static_cast<unsigned>(std::max<int64_t>(1, absl::ToInt64Seconds(options.refresh_period)));
  grpc::experimental::TlsServerCredentialsOptions tls(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(options.key_file, options.certificate_file,
                                                                           options.client_ca_file, period));
  tls.watch_identity_key_cert_pairs();
  if (!options.client_ca_file.empty()) {
    tls.watch_root_certs();
    tls.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(tls);
}

}  // namespace joinery::server::access
