// Calls to the server: deadlines, ends on request, and absl::Status for what comes back.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "credentials/channel.h"
#include "credentials/credentials.h"
#include "telemetry/rpc_observer.h"
#include "telemetry/tracer.h"

namespace joinery::worker {

// For a call that answers at once. Whoever waits for longer says so.
inline constexpr absl::Duration kRpcDeadline = absl::Seconds(10);

// As credentials::ToStatus, but kCancelled for a call that failed once `stop` was requested.
inline absl::Status ToStatus(const grpc::Status& status, const std::stop_token& stop) {
  if (!status.ok() && stop.stop_requested()) return absl::CancelledError("the call was stopped");
  return credentials::ToStatus(status);
}

// Makes a unary call: `call(context)` returns grpc::Status. It ends, with kCancelled, once `stop` is requested.
template <typename Call>
absl::Status CallServer(const std::stop_token& stop, absl::Duration deadline, const Call& call) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
  const std::stop_callback cancel(stop, [&] { context.TryCancel(); });
  return ToStatus(call(context), stop);
}

// To the server at `address` (host:port). Requires credentials::CheckTokenIsSafe. Comes back within two seconds of the
// server doing so. Calls carry on the trace of the job, if there is a `tracer`, and are counted by `observer`, if there
// is one too; both outlive the channel.
std::shared_ptr<grpc::Channel> ConnectTo(const std::string& address, const credentials::Credentials& credentials = {},
                                         telemetry::Tracer* tracer = nullptr,
                                         telemetry::RpcObserver* observer = nullptr);

}  // namespace joinery::worker
