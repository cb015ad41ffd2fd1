#include "server/stranger_limit.h"

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/strings/match.h"

namespace joinery::server {
namespace {

class StrangerLimit : public grpc::experimental::Interceptor {
 public:
  StrangerLimit(CallLimit& limit, grpc::ServerContextBase& context) : place_(limit.Enter("")), context_(context) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    const bool begins =
        methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::POST_RECV_INITIAL_METADATA);
    if (begins && !place_.ok()) context_.TryCancel();
    methods->Proceed();
  }

 private:
  // gRPC destroys this when the call is over.
  const absl::StatusOr<std::unique_ptr<CallLimit::Place>> place_;
  grpc::ServerContextBase& context_;
};

class StrangerLimitFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  StrangerLimitFactory(std::string prefix, CallLimit& limit) : prefix_(std::move(prefix)), limit_(limit) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    if (!absl::StartsWith(info->method(), prefix_)) return nullptr;
    return new StrangerLimit(limit_, *info->server_context());
  }

 private:
  const std::string prefix_;
  CallLimit& limit_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeStrangerLimit(std::string prefix,
                                                                                         CallLimit& limit) {
  return std::make_unique<StrangerLimitFactory>(std::move(prefix), limit);
}

}  // namespace joinery::server
