#include "credentials/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace joinery::credentials {
namespace {

using grpc::experimental::InterceptionHookPoints;

// gRPC's own call credentials refuse plain text, also to this machine.
class TokenSender : public grpc::experimental::Interceptor {
 public:
  explicit TokenSender(const std::string& header) : header_(header) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", header_);
    }
    methods->Proceed();
  }

 private:
  const std::string& header_;
};

class TokenSenderFactory : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit TokenSenderFactory(const std::string& token) : header_(absl::StrCat("Bearer ", token)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new TokenSender(header_);  // gRPC owns it, and the channel, which owns this, outlives it.
  }

 private:
  const std::string header_;
};

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentialsOf(const Credentials& credentials) {
  if (!credentials.encrypted) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({credentials.authorities, credentials.key, credentials.certificate});
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server, const Credentials& credentials,
                                           const grpc::ChannelArguments& arguments, Interceptors interceptors) {
  if (!credentials.token.empty()) interceptors.push_back(std::make_unique<TokenSenderFactory>(credentials.token));
  return grpc::experimental::CreateCustomChannelWithInterceptors(server, ChannelCredentialsOf(credentials), arguments,
                                                                 std::move(interceptors));
}

}  // namespace joinery::credentials
