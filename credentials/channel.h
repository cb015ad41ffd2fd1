// The way to a server: encrypted, and with the token in every call, as the credentials say. The files that these name
// may be exchanged: a call has the token that the file holds then, and a new connection the certificates of at most ten
// seconds before.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_interceptor.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "credentials/credentials.h"

namespace joinery::credentials {

using Interceptors = std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>>;

// Requires CheckTokenIsSafe. Never fails: that nobody is there, or the wrong one, is told by the first call.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& server, const Credentials& credentials,
                                           const grpc::ChannelArguments& arguments, Interceptors interceptors);

// What a call came to, in the same words. The code is the same too, but for CANCELLED: a server that stops ends calls
// with it, so it is kUnavailable. Whoever cancels a call knows that without being told.
absl::Status ToStatus(const grpc::Status& status);

}  // namespace joinery::credentials
