// The one place where calls are counted, timed, logged and traced, on both sides.
#pragma once

#include <grpcpp/support/client_interceptor.h>
#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "telemetry/rpc_observer.h"
#include "telemetry/trace_context.h"
#include "telemetry/tracer.h"

namespace grpc {
class ServerContextBase;
}

namespace joinery::telemetry {

// Of what a caller sent, or, behind MakeServerInterceptor, the span of this very call; nullopt if there is none.
std::optional<TraceContext> TraceOf(const grpc::ServerContextBase& context);

// For ServerBuilder::experimental().SetInterceptorCreators. A call that carries `traceparent` becomes a span, if
// `tracer` keeps spans; one to `root_method` always does, and always belongs to a trace. Each call is logged at level
// debug. All must outlive the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeServerInterceptor(
    Tracer& tracer, RpcObserver& observer, std::string root_method = "JobService/CreateJob");

// For grpc::experimental::CreateCustomChannelWithInterceptors. Calls made within a SpanScope, or a process with a
// trace, carry on that trace, and become spans if `tracer` keeps spans. `observer` may be null. All must outlive the
// channel.
std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> MakeClientInterceptors(
    Tracer& tracer, RpcObserver* observer);

}  // namespace joinery::telemetry
