// The trace of one command: what it calls belongs to it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "client/config_file.h"
#include "telemetry/span_scope.h"
#include "telemetry/tracer.h"

namespace joinery::client {

// Goes on with the trace of TRACEPARENT, if that is set; begins one if it is not and OpenTelemetry's variables say
// where spans go (telemetry/otlp.h). A part of the whole process for as long as it lives; one at a time.
class CommandTrace {
 public:
  // `clock` must outlive it. What is wrong with the variables goes to `*problem`; the command runs all the same.
  CommandTrace(const std::string& name, const Environment& environment, const base::Clock& clock,
               absl::Status* problem);
  ~CommandTrace();
  CommandTrace(const CommandTrace&) = delete;
  CommandTrace& operator=(const CommandTrace&) = delete;

  telemetry::Tracer& tracer() { return *tracer_; }
  void SetStatus(const absl::Status& status) { span_->SetStatus(status); }

 private:
  std::unique_ptr<telemetry::Tracer> tracer_;
  std::optional<telemetry::SpanScope> span_;
};

}  // namespace joinery::client
