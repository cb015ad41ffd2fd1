#include <utility>

#include "absl/time/clock.h"
#include "telemetry/rpc_interceptors.h"
#include "telemetry/span_scope.h"

namespace joinery::telemetry {
namespace {

using grpc::experimental::InterceptionHookPoints;

class ClientInterceptor : public grpc::experimental::Interceptor {
 public:
  // On the thread that makes the call, and so within its span.
  ClientInterceptor(Tracer& tracer, RpcObserver* observer, grpc::experimental::ClientRpcInfo* info)
      : tracer_(tracer), observer_(observer), method_(ShortMethod(info->method())), began_(absl::Now()) {
    if (observer_ != nullptr) observer_->CallBegan(method_);
    if (!IsChatter(method_)) BeginSpan(CurrentTrace());
  }

  // A stream that was given up does not come to its status.
  ~ClientInterceptor() override {
    if (!ended_) End(grpc::Status(grpc::StatusCode::CANCELLED, "given up"));
  }
  ClientInterceptor(const ClientInterceptor&) = delete;
  ClientInterceptor& operator=(const ClientInterceptor&) = delete;

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (span_.has_value() && methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace(kTraceparentKey, FormatTraceparent(span_->context));
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_STATUS)) {
      if (const grpc::Status* status = methods->GetRecvStatus()) End(*status);
    }
    methods->Proceed();
  }

 private:
  void BeginSpan(const std::optional<TraceContext>& parent) {
    if (!parent.has_value()) return;
    span_.emplace();
    if (!tracer_.enabled()) {
      span_->context = *parent;
      return;
    }
    span_->name = method_;
    span_->kind = SpanKind::kClient;
    span_->context = NewChild(*parent, tracer_.random());
    span_->parent_span_id = parent->span_id;
    span_->start = tracer_.clock().Now();
  }

  void End(const grpc::Status& status) {
    if (ended_) return;
    ended_ = true;
    if (observer_ != nullptr) observer_->CallEnded(method_, status.error_code(), absl::Now() - began_);
    if (!span_.has_value() || !tracer_.enabled()) return;
    span_->end = tracer_.clock().Now();
    span_->attributes = {
        {"rpc.system", "grpc"}, {"rpc.method", method_}, {"rpc.grpc.status_code", status.error_code()}};
    if (!status.ok()) {
      span_->status = absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    }
    tracer_.Record(*std::move(span_));
  }

  Tracer& tracer_;
  RpcObserver* const observer_;
  const std::string method_;
  const absl::Time began_;
  bool ended_ = false;
  std::optional<Span> span_;
};

class ClientInterceptorFactory : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  ClientInterceptorFactory(Tracer& tracer, RpcObserver* observer) : tracer_(tracer), observer_(observer) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo* info) override {
    return new ClientInterceptor(tracer_, observer_, info);
  }

 private:
  Tracer& tracer_;
  RpcObserver* const observer_;
};

}  // namespace

std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> MakeClientInterceptors(
    Tracer& tracer, RpcObserver* observer) {
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> factories;
  factories.push_back(std::make_unique<ClientInterceptorFactory>(tracer, observer));
  return factories;
}

}  // namespace joinery::telemetry
