#include "server/metrics.h"

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"
#include "server/job_times.h"

namespace joinery::server {
namespace {

constexpr size_t kMaxStates = 64;
constexpr size_t kMaxEnds = 16;
// The compiler has about ten.
constexpr size_t kMaxStages = 32;

// "succeeded" of JOB_STATE_SUCCEEDED.
std::string ShortName(const std::string& name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

// Clocks of hosts differ, and may be set.
double Seconds(absl::Duration duration) { return std::max(0.0, absl::ToDoubleSeconds(duration)); }

prometheus::Counter& MakeCounter(prometheus::Registry& registry, const char* name, const char* help) {
  return telemetry::CounterFamily(registry, name, help).Add({});
}

prometheus::Histogram& MakeHistogram(prometheus::Registry& registry, const char* name, const char* help,
                                     const prometheus::Histogram::BucketBoundaries& buckets) {
  return telemetry::HistogramFamily(registry, name, help).Add({}, buckets);
}

}  // namespace

ServerMetrics::ServerMetrics()
    : rpc_(registry_, "joinery_rpc_server"),
      submitted_(MakeCounter(registry_, "joinery_jobs_submitted_total", "Jobs that were created.")),
      answered_(MakeCounter(registry_, "joinery_jobs_answered_total",
                            "Jobs that were answered from a finished one, without being run.")),
      finished_(telemetry::CounterFamily(registry_, "joinery_jobs_finished_total",
                                         "Jobs that ended, by state and, of those that failed, reason."),
                {"state", "reason"}, kMaxStates),
      attempts_(telemetry::CounterFamily(registry_, "joinery_attempts_total",
                                         "Attempts that ended, by how: lost are those whose worker fell silent."),
                {"end"}, kMaxEnds),
      queue_seconds_(MakeHistogram(registry_, "joinery_job_queue_seconds",
                                   "Time in the queue until a worker had the job, of each attempt.",
                                   telemetry::LatencyBuckets())),
      attempt_seconds_(MakeHistogram(registry_, "joinery_attempt_seconds", "Time that a worker had a job.",
                                     telemetry::DurationBuckets())),
      stage_seconds_(
          telemetry::HistogramFamily(registry_, "joinery_build_stage_seconds", "Time of each stage of the compiler."),
          {"stage"}, kMaxStages),
      received_(MakeCounter(registry_, "joinery_blob_received_bytes_total", "Bytes of blobs that were uploaded.")),
      sent_(MakeCounter(registry_, "joinery_blob_sent_bytes_total", "Bytes of blobs that were downloaded.")),
      damaged_(MakeCounter(registry_, "joinery_blobs_damaged_total",
                           "Blobs whose stored bytes proved wrong, and that were taken out of service.")),
      scrubbed_(MakeCounter(registry_, "joinery_scrub_read_bytes_total",
                            "Bytes of blobs that were read to see whether they are still right.")),
      scrub_ended_(telemetry::GaugeFamily(registry_, "joinery_scrub_ended_timestamp_seconds",
                                          "When all blobs had last been read; 0: not since the start.")
                       .Add({})) {}

void ServerMetrics::JobChanged(const v1::Job& job) {
  const v1::Attempt* const attempt = LastAttempt(job);
  switch (job.state()) {
    case v1::JOB_STATE_RUNNING:
      queue_seconds_.Observe(Seconds(FromProto(job.started_at()) - QueuedAt(job)));
      return;
    case v1::JOB_STATE_QUEUED:
      if (attempt == nullptr) submitted_.Increment();
      break;
    default:
      // Answered from a finished job: new and final at once.
      if (!job.answered_from().empty()) {
        submitted_.Increment();
        answered_.Increment();
      }
      finished_
          .With({ShortName(v1::JobState_Name(job.state()), "JOB_STATE_"),
                 job.has_failure() ? ShortName(v1::FailureReason_Name(job.failure().reason()), "FAILURE_REASON_") : ""})
          .Increment();
  }
  // A job that was given up while it waited for another attempt has ended the one before already.
  const bool ended_now = attempt != nullptr && attempt->has_ended_at() &&
                         (!job.has_finished_at() || FromProto(attempt->ended_at()) == FromProto(job.finished_at()));
  if (ended_now) AttemptEnded(*attempt);
}

void ServerMetrics::AttemptEnded(const v1::Attempt& attempt) {
  attempts_.With({attempt.end()}).Increment();
  attempt_seconds_.Observe(Seconds(FromProto(attempt.ended_at()) - FromProto(attempt.leased_at())));
  for (const v1::AttemptStage& stage : attempt.stages()) {
    if (!stage.has_ended_at()) continue;
    stage_seconds_.With({stage.stage()}, telemetry::DurationBuckets())
        .Observe(Seconds(FromProto(stage.ended_at()) - FromProto(stage.began_at())));
  }
}

}  // namespace joinery::server
