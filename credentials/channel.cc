#include "credentials/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "credentials/token_source.h"

namespace joinery::credentials {
namespace {

using grpc::experimental::InterceptionHookPoints;

// As the server does.
constexpr unsigned int kRefreshSeconds = 10;

// gRPC's own call credentials refuse plain text, also to this machine.
class TokenSender : public grpc::experimental::Interceptor {
 public:
  explicit TokenSender(TokenSource& token) : token_(token) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", absl::StrCat("Bearer ", token_.Now()));
    }
    methods->Proceed();
  }

 private:
  TokenSource& token_;
};

class TokenSenderFactory : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenSenderFactory(const Credentials& credentials) : token_(credentials.token, credentials.token_file) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new TokenSender(token_);  // gRPC owns it, and the channel, which owns this, outlives it.
  }

 private:
  TokenSource token_;
};

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentialsOf(const Credentials& credentials) {
  if (!credentials.encrypted) return grpc::InsecureChannelCredentials();
  grpc::experimental::TlsChannelCredentialsOptions tls;
  const bool has_certificate = !credentials.certificate_file.empty();
  if (has_certificate || !credentials.authorities_file.empty()) {
    tls.set_certificate_provider(std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
        credentials.key_file, credentials.certificate_file, credentials.authorities_file, kRefreshSeconds));
  }
  if (!credentials.authorities_file.empty()) tls.watch_root_certs();
  if (has_certificate) tls.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(tls);
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server, const Credentials& credentials,
                                           const grpc::ChannelArguments& arguments, Interceptors interceptors) {
  if (!credentials.token.empty()) interceptors.push_back(std::make_unique<TokenSenderFactory>(credentials));
  return grpc::experimental::CreateCustomChannelWithInterceptors(server, ChannelCredentialsOf(credentials), arguments,
                                                                 std::move(interceptors));
}

absl::Status ToStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = status.error_message().empty() ? "no reason given" : status.error_message();
  if (status.error_code() == grpc::StatusCode::CANCELLED) {
    return absl::UnavailableError(absl::StrCat("the call was dropped: ", message));
  }
  // gRPC's codes are Abseil's.
  return {static_cast<absl::StatusCode>(status.error_code()), message};
}

}  // namespace joinery::credentials
