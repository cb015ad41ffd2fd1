#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "absl/time/clock.h"
#include "telemetry/log.h"
#include "telemetry/rpc_interceptors.h"

namespace joinery::telemetry {
namespace {

using grpc::experimental::InterceptionHookPoints;
using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

std::optional<TraceContext> FindTrace(const Metadata& metadata) {
  const auto found = metadata.find(kTraceparentKey);
  if (found == metadata.end()) return std::nullopt;
  return ParseTraceparent(absl::string_view(found->second.data(), found->second.size()));
}

class ServerInterceptor : public grpc::experimental::Interceptor {
 public:
  ServerInterceptor(Tracer& tracer, RpcObserver& observer, const std::string& root_method,
                    grpc::experimental::ServerRpcInfo* info)
      : tracer_(tracer),
        observer_(observer),
        root_method_(root_method),
        context_(info->server_context()),
        method_(ShortMethod(info->method())),
        began_(absl::Now()) {
    observer_.CallBegan(method_);
  }

  // A call that the library itself ended, such as one whose request cannot be parsed, does not come to its status.
  ~ServerInterceptor() override {
    if (!ended_) End(grpc::Status(grpc::StatusCode::INTERNAL, "ended before it was answered"));
  }
  ServerInterceptor(const ServerInterceptor&) = delete;
  ServerInterceptor& operator=(const ServerInterceptor&) = delete;

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      if (Metadata* metadata = methods->GetRecvInitialMetadata()) BeginSpan(*metadata);
    }
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) End(methods->GetSendStatus());
    methods->Proceed();
  }

 private:
  // From here on the handler finds this call's span where the caller's was.
  void BeginSpan(Metadata& metadata) {
    const std::optional<TraceContext> caller = FindTrace(metadata);
    const bool is_root = method_ == root_method_;
    if (IsChatter(method_) || !(caller.has_value() || is_root)) return;
    span_.emplace();
    if (caller.has_value()) span_->parent_span_id = caller->span_id;
    if (caller.has_value() && !tracer_.enabled()) {
      span_->context = *caller;
      return;
    }
    span_->name = method_;
    span_->kind = SpanKind::kServer;
    span_->context = caller.has_value() ? NewChild(*caller, tracer_.random()) : NewTrace(tracer_.random());
    span_->start = tracer_.clock().Now();
    traceparent_ = FormatTraceparent(span_->context);
    metadata.erase(kTraceparentKey);
    metadata.emplace(kTraceparentKey, traceparent_);
  }

  void End(const grpc::Status& status) {
    if (ended_) return;
    ended_ = true;
    const absl::Duration elapsed = absl::Now() - began_;
    observer_.CallEnded(method_, status.error_code(), elapsed);
    if (spdlog::should_log(spdlog::level::debug)) Log(status, elapsed);
    if (!span_.has_value() || !tracer_.enabled()) return;
    span_->end = tracer_.clock().Now();
    span_->attributes = {
        {"rpc.system", "grpc"}, {"rpc.method", method_}, {"rpc.grpc.status_code", status.error_code()}};
    if (!status.ok()) {
      span_->status = absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
    }
    tracer_.Record(*std::move(span_));
  }

  void Log(const grpc::Status& status, absl::Duration elapsed) const {
    spdlog::debug("call ended method={} code={} elapsed_ms={:.1f} peer={} trace_id={}", method_,
                  CodeName(status.error_code()), absl::ToDoubleMilliseconds(elapsed), LogValue(context_->peer()),
                  span_.has_value() ? span_->context.trace_id : "none");
  }

  Tracer& tracer_;
  RpcObserver& observer_;
  const std::string& root_method_;
  grpc::ServerContextBase* const context_;
  const std::string method_;
  const absl::Time began_;
  bool ended_ = false;
  std::optional<Span> span_;
  // What the metadata refers to.
  std::string traceparent_;
};

class ServerInterceptorFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  ServerInterceptorFactory(Tracer& tracer, RpcObserver& observer, std::string root_method)
      : tracer_(tracer), observer_(observer), root_method_(std::move(root_method)) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override {
    return new ServerInterceptor(tracer_, observer_, root_method_, info);
  }

 private:
  Tracer& tracer_;
  RpcObserver& observer_;
  const std::string root_method_;
};

}  // namespace

std::optional<TraceContext> TraceOf(const grpc::ServerContextBase& context) {
  return FindTrace(context.client_metadata());
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeServerInterceptor(Tracer& tracer,
                                                                                             RpcObserver& observer,
                                                                                             std::string root_method) {
  return std::make_unique<ServerInterceptorFactory>(tracer, observer, std::move(root_method));
}

}  // namespace joinery::telemetry
