// gRPC's own services ask for no token, and streams of theirs last: each gets few of them, for all callers together.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <string>

#include "server/call_limit.h"

namespace joinery::server {

// Cancels calls of methods that begin with `prefix`, such as "/grpc.reflection.", beyond `limit`, which must outlive
// the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeStrangerLimit(std::string prefix,
                                                                                         CallLimit& limit);

}  // namespace joinery::server
