// Told of every call that ended, on either side.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace joinery::telemetry {

// Thread-safe.
class RpcObserver {
 public:
  virtual ~RpcObserver() = default;

  // `method` is "JobService/CreateJob"; a fixed set, whatever clients ask for.
  virtual void CallBegan(const std::string& method) = 0;
  virtual void CallEnded(const std::string& method, grpc::StatusCode code, absl::Duration elapsed) = 0;
};

// "JobService/CreateJob" of "/joinery.v1.JobService/CreateJob"; other names as they are, without the slash in front.
std::string ShortMethod(absl::string_view method);

// "NOT_FOUND" and so on, as the protocol calls them.
const char* CodeName(grpc::StatusCode code);

// Called so often, and so little wanted to know of one by one, that they make no spans: waiting for a job, heartbeats,
// health checks.
bool IsChatter(absl::string_view method);

}  // namespace joinery::telemetry
