// One timed piece of work, as OpenTelemetry has it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "telemetry/trace_context.h"

namespace joinery::telemetry {

// The numbers are those of OTLP.
enum class SpanKind { kInternal = 1, kServer = 2, kClient = 3, kProducer = 4, kConsumer = 5 };

using Attribute = std::pair<std::string, std::variant<std::string, int64_t>>;

struct Span {
  std::string name;
  SpanKind kind = SpanKind::kInternal;
  TraceContext context;
  // Empty if it is the first of its trace.
  std::string parent_span_id;
  absl::Time start;
  absl::Time end;
  std::vector<Attribute> attributes;
  absl::Status status;
};

}  // namespace joinery::telemetry
