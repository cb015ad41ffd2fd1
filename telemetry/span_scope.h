// The span that a thread works on: what it calls meanwhile belongs to it.
#pragma once

#include <optional>
#include <string>

#include "telemetry/tracer.h"

namespace joinery::telemetry {

// The innermost span of this thread, or that of the whole process; nullopt outside of any.
std::optional<TraceContext> CurrentTrace();

// What CurrentTrace answers on threads that are in no span of their own. Thread-safe.
void SetProcessTrace(std::optional<TraceContext> context);

// A span from here to the end of the scope. Use it on one thread. If the tracer keeps nothing there is no new span, and
// what is called meanwhile belongs to the parent.
class SpanScope {
 public:
  // A part of `parent`; of nothing if that is nullopt and `tracer` keeps spans: then it begins a trace.
  SpanScope(Tracer& tracer, std::string name, std::optional<TraceContext> parent = CurrentTrace(),
            SpanKind kind = SpanKind::kInternal);
  ~SpanScope();
  SpanScope(const SpanScope&) = delete;
  SpanScope& operator=(const SpanScope&) = delete;

  // nullopt if there is no trace.
  const std::optional<TraceContext>& context() const { return context_; }
  void Set(std::string key, std::variant<std::string, int64_t> value);
  void SetStatus(const absl::Status& status) { span_.status = status; }

 private:
  Tracer& tracer_;
  Span span_;
  std::optional<TraceContext> context_;
  const std::optional<TraceContext> outer_;
};

}  // namespace joinery::telemetry
