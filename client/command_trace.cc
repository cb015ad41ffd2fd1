#include "client/command_trace.h"

#include "telemetry/otlp.h"

namespace joinery::client {

CommandTrace::CommandTrace(const std::string& name, const Environment& environment, const base::Clock& clock,
                           absl::Status* problem) {
  const auto value = [&](const char* variable) { return environment(variable).value_or(""); };
  tracer_ = telemetry::TracerFrom(value, "joinery", "", clock, problem);
  span_.emplace(*tracer_, name, telemetry::ParseTraceparent(value(telemetry::kTraceparentVariable)));
  telemetry::SetProcessTrace(span_->context());
}

CommandTrace::~CommandTrace() { telemetry::SetProcessTrace(std::nullopt); }

}  // namespace joinery::client
