// Spans to an OpenTelemetry collector: OTLP over HTTP, version 1, as JSON.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "telemetry/span.h"
#include "telemetry/tracer.h"

namespace joinery::telemetry {

// Who made the spans: service.name, service.version and so on.
using Resource = std::vector<Attribute>;

// An ExportTraceServiceRequest. What is not UTF-8 is replaced.
std::string ToOtlpJson(const Resource& resource, const std::vector<Span>& spans);

struct OtlpOptions {
  // http:// or https://, host, port if it is not the scheme's.
  std::string origin;
  // Where the spans go, such as /v1/traces.
  std::string path;
  // Sent with each request.
  std::vector<std::pair<std::string, std::string>> headers;
  absl::Duration timeout = absl::Seconds(10);
};

// From OpenTelemetry's variables: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (used as it is) or OTEL_EXPORTER_OTLP_ENDPOINT
// (/v1/traces is added), OTEL_EXPORTER_OTLP_HEADERS (key=value,key=value), OTEL_EXPORTER_OTLP_TIMEOUT (milliseconds),
// OTEL_SDK_DISABLED. nullopt if no endpoint is set. `environment` gives the value of a variable, empty if there is
// none. Errors: kInvalidArgument naming the variable.
absl::StatusOr<std::optional<OtlpOptions>> OtlpOptionsFrom(
    const std::function<std::string(const char* name)>& environment);

std::unique_ptr<SpanExporter> MakeOtlpExporter(OtlpOptions options, Resource resource);

// All of the above; a tracer that keeps nothing if no endpoint is set or what is set is wrong, which `*problem` then
// tells: nobody's work should stop because of it.
std::unique_ptr<Tracer> TracerFrom(const std::function<std::string(const char* name)>& environment,
                                   const std::string& service, const std::string& instance, const base::Clock& clock,
                                   absl::Status* problem);

}  // namespace joinery::telemetry
