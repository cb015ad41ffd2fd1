#include "worker/rpc.h"

#include <utility>

#include "credentials/channel.h"
#include "telemetry/rpc_interceptors.h"

namespace joinery::worker {

std::shared_ptr<grpc::Channel> ConnectTo(const std::string& address, const credentials::Credentials& credentials,
                                         telemetry::Tracer* tracer, telemetry::RpcObserver* observer) {
  grpc::ChannelArguments arguments;
  // gRPC's own default grows to two minutes: a lease would be lost over a server that was away for a moment.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // After a refused connection gRPC looks the name up again before it goes on; by default not more than every 30 s.
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 500);
  // A connection that died without a word is noticed after both together; without this, not for a quarter of an hour.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // The server is in the same network; a proxy meant for the internet does not know it.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  credentials::Interceptors interceptors;
  if (tracer != nullptr) interceptors = telemetry::MakeClientInterceptors(*tracer, observer);
  return credentials::MakeChannel(address, credentials, arguments, std::move(interceptors));
}

}  // namespace joinery::worker
