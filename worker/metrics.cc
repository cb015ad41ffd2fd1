#include "worker/metrics.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace joinery::worker {
namespace {

using telemetry::CounterFamily;
using telemetry::GaugeFamily;
using telemetry::HistogramFamily;

constexpr size_t kMaxOutcomes = 64;
// The compiler, which is not trusted, names them; it has about ten.
constexpr size_t kMaxStages = 32;

std::string ReasonOf(const v1::FinishJobRequest& request) {
  if (!request.has_failure()) return "";
  return absl::AsciiStrToLower(
      absl::StripPrefix(v1::FailureReason_Name(request.failure().reason()), "FAILURE_REASON_"));
}

std::string OutcomeOf(const v1::FinishJobRequest* request) {
  if (request == nullptr) return "abandoned";
  switch (request->outcome_case()) {
    case v1::FinishJobRequest::kResult:
      return "succeeded";
    case v1::FinishJobRequest::kFailure:
      return "failed";
    case v1::FinishJobRequest::kCancelled:
      return "cancelled";
    default:
      return "released";
  }
}

}  // namespace

WorkerMetrics::WorkerMetrics()
    : rpc_(registry_, "joinery_rpc_client"),
      connected_gauge_(GaugeFamily(registry_, "joinery_worker_connected",
                                   "1 if the server answered when it was last asked for a job.")
                           .Add({})),
      busy_(GaugeFamily(registry_, "joinery_worker_busy", "1 while there is a job.").Add({})),
      attempts_(CounterFamily(registry_, "joinery_worker_attempts_total",
                              "Attempts at jobs, by outcome and, of those that failed, reason; abandoned are those "
                              "whose lease was lost."),
                {"outcome", "reason"}, kMaxOutcomes),
      attempt_seconds_(HistogramFamily(registry_, "joinery_worker_attempt_seconds", "Time from lease to outcome.")
                           .Add({}, telemetry::DurationBuckets())),
      inputs_(CounterFamily(registry_, "joinery_worker_inputs_total", "Inputs of jobs, by where they came from."),
              {"from"}, 2),
      fetched_(CounterFamily(registry_, "joinery_worker_fetched_bytes_total", "Bytes of inputs that the server sent.")
                   .Add({})),
      uploaded_(
          CounterFamily(registry_, "joinery_worker_result_bytes_total", "Bytes of results that were made.").Add({})),
      stage_seconds_(HistogramFamily(registry_, "joinery_worker_stage_seconds", "Time of each stage of the compiler."),
                     {"stage"}, kMaxStages),
      compiler_cpu_(
          CounterFamily(registry_, "joinery_worker_compiler_cpu_seconds_total", "Processor time that compilers used.")
              .Add({})) {}

void WorkerMetrics::SetConnected(bool connected) {
  connected_ = connected;
  connected_gauge_.Set(connected ? 1 : 0);
}

void WorkerMetrics::AttemptEnded(const v1::FinishJobRequest* request, absl::Duration elapsed) {
  busy_.Set(0);
  attempts_.With({OutcomeOf(request), request == nullptr ? "" : ReasonOf(*request)}).Increment();
  attempt_seconds_.Observe(absl::ToDoubleSeconds(elapsed));
}

void WorkerMetrics::InputFetched(int64_t size_bytes, bool was_cached) {
  inputs_.With({was_cached ? "cache" : "server"}).Increment();
  if (!was_cached) fetched_.Increment(static_cast<double>(size_bytes));
}

void WorkerMetrics::StageEnded(const std::string& stage, absl::Duration elapsed) {
  stage_seconds_.With({stage}, telemetry::DurationBuckets()).Observe(absl::ToDoubleSeconds(elapsed));
}

}  // namespace joinery::worker
