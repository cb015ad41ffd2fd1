#include "server/job_spans.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/job_times.h"
#include "telemetry/trace_context.h"

namespace joinery::server {
namespace {

telemetry::Span MakeSpan(const telemetry::Tracer& tracer, const telemetry::TraceContext& parent, const v1::Job& job,
                         std::string name) {
  telemetry::Span span;
  span.name = std::move(name);
  span.context = telemetry::NewChild(parent, tracer.random());
  span.parent_span_id = parent.span_id;
  span.attributes = {{"joinery.job_id", job.id()},
                     {"joinery.attempt", static_cast<int64_t>(job.attempts())},
                     {"joinery.worker", job.worker()}};
  return span;
}

}  // namespace

void JobSpans::JobChanged(const v1::Job& job) {
  if (!tracer_.enabled()) return;
  const std::optional<telemetry::TraceContext> parent = telemetry::ParseTraceparent(job.options().traceparent());
  if (!parent.has_value()) return;
  if (job.state() == v1::JOB_STATE_RUNNING) {
    telemetry::Span span = MakeSpan(tracer_, *parent, job, "queue");
    span.start = QueuedAt(job);
    span.end = FromProto(job.started_at());
    tracer_.Record(std::move(span));
    return;
  }
  const v1::Attempt* const attempt = LastAttempt(job);
  if (attempt == nullptr || (attempt->end() != "lost" && attempt->end() != "stopped")) return;
  telemetry::Span span = MakeSpan(tracer_, *parent, job, "attempt");
  span.start = FromProto(attempt->leased_at());
  span.end = FromProto(attempt->ended_at());
  span.status = absl::AbortedError(absl::StrCat("the attempt was ", attempt->end()));
  tracer_.Record(std::move(span));
}

}  // namespace joinery::server
