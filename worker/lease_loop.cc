#include "worker/lease_loop.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/wait.h"
#include "credentials/handshake.h"
#include "spdlog/spdlog.h"
#include "telemetry/log.h"
#include "telemetry/span_scope.h"
#include "worker/backoff.h"
#include "worker/check_job.h"
#include "worker/event_queue.h"
#include "worker/lease_keeper.h"
#include "worker/rpc.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

// A server that answers at once that there is nothing, as one that is about to stop may, is not asked in a tight loop.
constexpr absl::Duration kShortestRound = absl::Milliseconds(50);
constexpr size_t kMaxLoggedBytes = 500;

std::string ForLog(absl::string_view text) { return CleanText(text, kMaxLoggedBytes); }

void SetOutcome(const BuildOutcome& outcome, v1::FinishJobRequest& request) {
  if (const auto* result = std::get_if<v1::JobResult>(&outcome)) *request.mutable_result() = *result;
  if (const auto* failure = std::get_if<v1::Failure>(&outcome)) *request.mutable_failure() = *failure;
}

// What is told to the server. `outcome` is an error if this worker cannot run jobs.
v1::FinishJobRequest MakeFinish(const absl::StatusOr<BuildOutcome>& outcome, StopReason reason) {
  v1::FinishJobRequest request;
  const bool has_result = outcome.ok() && std::holds_alternative<v1::JobResult>(*outcome);
  if (reason == StopReason::kCancelled) {
    request.mutable_cancelled();
  } else if (!outcome.ok() || (reason == StopReason::kReleased && !has_result)) {
    request.mutable_released();
  } else {
    SetOutcome(*outcome, request);
  }
  return request;
}

std::string DescribeOutcome(const v1::FinishJobRequest& request) {
  switch (request.outcome_case()) {
    case v1::FinishJobRequest::kResult:
      return "succeeded";
    case v1::FinishJobRequest::kFailure:
      return absl::StrCat("failed reason=", v1::FailureReason_Name(request.failure().reason()),
                          " message=", telemetry::LogValue(ForLog(request.failure().message())));
    case v1::FinishJobRequest::kCancelled:
      return "cancelled";
    default:
      return "released";
  }
}

// What is wrong between this side and the server, in words if it is their certificates.
std::string Explain(const absl::Status& status, const std::string& server) {
  const auto problem = credentials::ExplainHandshake(status.message(), server);
  return problem.has_value() ? absl::StrCat(problem->what, ": ", problem->fix) : status.ToString();
}

}  // namespace

LeaseLoop::LeaseLoop(LeaseLoopOptions options, v1::WorkerService::StubInterface& workers,
                     v1::BlobService::StubInterface& blobs, const BlobCache& cache, WorkFolder& work_folder,
                     const base::Clock& clock, const base::Clock& stopwatch, absl::BitGenRef random)
    : options_(std::move(options)),
      unseen_tracer_(nullptr, clock, [] { return uint64_t{1}; }),
      metrics_(options_.metrics != nullptr ? *options_.metrics : unseen_metrics_),
      tracer_(options_.tracer != nullptr ? *options_.tracer : unseen_tracer_),
      workers_(workers),
      blobs_(blobs),
      cache_(cache),
      work_folder_(work_folder),
      clock_(clock),
      stopwatch_(stopwatch),
      random_(random) {}

absl::Status LeaseLoop::Run(const std::stop_token& stop, const std::stop_token& hand_back) {
  Backoff backoff(options_.first_retry, options_.longest_retry, random_);
  while (!stop.stop_requested()) {
    v1::LeaseJobResponse response;
    const absl::Time asked_at = stopwatch_.Now();
    const absl::Status status = Lease(stop, response);
    if (status.ok() && response.has_lease()) {
      LogConnection(status);
      backoff.Reset();
      RETURN_IF_ERROR(RunJob(response.lease(), hand_back));
    } else if (stop.stop_requested()) {
      break;
    } else if (status.ok()) {
      LogConnection(status);
      backoff.Reset();
      if (stopwatch_.Now() - asked_at < kShortestRound) base::WaitOrStop(stop, kShortestRound);
    } else {
      LogConnection(status);
      // A token does not become right by asking again.
      if (absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status)) {
        return base::Annotate(status, "the server refuses this worker");
      }
      base::WaitOrStop(stop, backoff.Next());
    }
  }
  return absl::OkStatus();
}

absl::Status LeaseLoop::Lease(const std::stop_token& stop, v1::LeaseJobResponse& response) {
  v1::LeaseJobRequest request;
  request.set_worker(options_.worker_name);
  request.set_compiler_version(options_.compiler_version);
  *request.mutable_capabilities() = options_.capabilities;
  if (options_.compiler.gpus != nullptr) options_.compiler.gpus->Describe(*request.mutable_capabilities());
  request.mutable_wait()->set_seconds(absl::ToInt64Seconds(options_.lease_wait));
  request.mutable_wait()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(options_.lease_wait % absl::Seconds(1))));
  return CallServer(stop, options_.lease_wait + kRpcDeadline,
                    [&](grpc::ClientContext& context) { return workers_.LeaseJob(&context, request, &response); });
}

absl::Status LeaseLoop::RunJob(const v1::Lease& lease, const std::stop_token& hand_back) {
  const absl::Time started_at = stopwatch_.Now();
  const std::string job_id = ForLog(lease.job().id());
  metrics_.AttemptBegan();
  telemetry::SpanScope span(tracer_, "attempt", telemetry::ParseTraceparent(lease.job().options().traceparent()),
                            telemetry::SpanKind::kConsumer);
  span.Set("joinery.job_id", job_id);
  span.Set("joinery.attempt", int64_t{lease.job().attempts()});
  span.Set("joinery.worker", options_.worker_name);
  spdlog::info("job started job_id={} worker={} attempt={} trace_id={}", job_id, options_.worker_name,
               lease.job().attempts(), span.context().has_value() ? span.context()->trace_id : "none");
  JobStop job_stop;
  const std::stop_callback release(hand_back, [&] { job_stop.Request(StopReason::kReleased); });
  EventQueue events(clock_);
  LeaseKeeper keeper(workers_, lease, events, job_stop, stopwatch_);
  const absl::StatusOr<BuildOutcome> outcome =
      RunSpec(lease.job().spec(), {blobs_, cache_, work_folder_, options_.compiler, random_, events, job_stop, tracer_,
                                   metrics_, lease.job().options().requirements().gpu_memory_bytes()});

  absl::Status finished = absl::AbortedError("the lease was lost");
  std::string how = "abandoned";
  v1::FinishJobRequest request;
  if (job_stop.reason() != StopReason::kLeaseLost) {
    request = MakeFinish(outcome, job_stop.reason());
    how = DescribeOutcome(request);
    const Backoff backoff(options_.first_retry, options_.longest_retry, random_);
    finished = keeper.Finish(request, backoff, hand_back);
    if (!finished.ok() && !absl::IsAborted(finished) && !base::IsRetriable(finished) && request.has_result()) {
      request.mutable_failure()->set_reason(v1::FAILURE_REASON_INTERNAL);
      request.mutable_failure()->set_message(
          absl::StrCat("the server refused the worker's result: ", ForLog(finished.message())));
      how = DescribeOutcome(request);
      finished = keeper.Finish(request, backoff, hand_back);
    }
  }
  const absl::Duration elapsed = stopwatch_.Now() - started_at;
  const int64_t elapsed_ms = absl::ToInt64Milliseconds(elapsed);
  metrics_.AttemptEnded(finished.ok() ? &request : nullptr, elapsed);
  span.Set("joinery.outcome", how);
  if (!finished.ok() || !request.has_result()) span.SetStatus(absl::UnknownError(how));
  spdlog::info("job ended job_id={} worker={} elapsed_ms={} outcome={}", job_id, options_.worker_name, elapsed_ms, how);
  if (!finished.ok()) {
    spdlog::warn("the server did not take the outcome job_id={} worker={} error={}", job_id, options_.worker_name,
                 telemetry::LogValue(ForLog(finished.ToString())));
  }
  return outcome.status();
}

absl::StatusOr<BuildOutcome> LeaseLoop::RunSpec(const v1::JobSpec& spec, const BuildContext& context) {
  if (spec.has_build()) return RunBuild(spec.build(), context);
  if (spec.has_check()) return RunCheck(spec.check(), context);
  v1::Failure failure;
  failure.set_reason(v1::FAILURE_REASON_INTERNAL);
  failure.set_message(absl::StrCat("worker ", options_.worker_name,
                                   " does not know this kind of job; it is older than the server, update it"));
  return failure;
}

void LeaseLoop::LogConnection(const absl::Status& status) {
  metrics_.SetConnected(status.ok());
  if (status.code() == connection_) return;
  connection_ = status.code();
  if (status.ok()) {
    spdlog::info("connected to the server worker={}", options_.worker_name);
  } else {
    spdlog::warn("cannot get a job from the server, trying on worker={} error={}", options_.worker_name,
                 telemetry::LogValue(ForLog(Explain(status, options_.server))));
  }
}

}  // namespace joinery::worker
