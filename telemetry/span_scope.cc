#include "telemetry/span_scope.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace joinery::telemetry {
namespace {

struct ProcessTrace {
  absl::Mutex mutex;
  std::optional<TraceContext> context ABSL_GUARDED_BY(mutex);
};

ProcessTrace& TheProcessTrace() {
  // Never destroyed: threads may outlive main.
  static auto* const trace = new ProcessTrace;
  return *trace;
}

std::optional<TraceContext>& ThreadTrace() {
  thread_local std::optional<TraceContext> context;
  return context;
}

std::optional<TraceContext> ContextFor(const std::optional<TraceContext>& parent, const Tracer& tracer) {
  if (!tracer.enabled()) return parent;
  return parent.has_value() ? NewChild(*parent, tracer.random()) : NewTrace(tracer.random());
}

}  // namespace

std::optional<TraceContext> CurrentTrace() {
  if (ThreadTrace().has_value()) return ThreadTrace();
  ProcessTrace& process = TheProcessTrace();
  const absl::MutexLock lock(&process.mutex);
  return process.context;
}

void SetProcessTrace(std::optional<TraceContext> context) {
  ProcessTrace& process = TheProcessTrace();
  const absl::MutexLock lock(&process.mutex);
  process.context = std::move(context);
}

SpanScope::SpanScope(Tracer& tracer, std::string name, std::optional<TraceContext> parent, SpanKind kind)
    : tracer_(tracer), context_(ContextFor(parent, tracer)), outer_(ThreadTrace()) {
  ThreadTrace() = context_;
  if (!tracer.enabled()) return;
  span_.name = std::move(name);
  span_.kind = kind;
  span_.context = *context_;
  if (parent.has_value()) span_.parent_span_id = parent->span_id;
  span_.start = tracer.clock().Now();
}

SpanScope::~SpanScope() {
  ThreadTrace() = outer_;
  if (!tracer_.enabled()) return;
  span_.end = tracer_.clock().Now();
  tracer_.Record(std::move(span_));
}

void SpanScope::Set(std::string key, std::variant<std::string, int64_t> value) {
  if (tracer_.enabled()) span_.attributes.emplace_back(std::move(key), std::move(value));
}

}  // namespace joinery::telemetry
