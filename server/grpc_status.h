// From absl::Status to what goes over the wire, and the wall that no exception passes.
#pragma once

#include <grpcpp/support/status.h>

#include <exception>
#include <new>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace joinery::server {

// The same code and message.
grpc::Status ToGrpcStatus(const absl::Status& status);

// ToGrpcStatus, and a log line for what a person should look at: kInternal, kDataLoss, kUnknown.
grpc::Status Answer(absl::string_view method, const absl::Status& status);

// Runs a handler, which returns an absl::Status, and answers for it. What a library throws becomes a Status here.
template <typename Handler>
grpc::Status Handle(absl::string_view method, const Handler& handler) {
  try {
    return Answer(method, handler());
  } catch (const std::bad_alloc&) {
    return Answer(method, absl::ResourceExhaustedError("the server has no memory for this request"));
  } catch (const std::exception& error) {
    return Answer(method, absl::InternalError(absl::StrCat("unexpected: ", error.what())));
  }
}

}  // namespace joinery::server
