#include "telemetry/otlp.h"

#include <nlohmann/json.hpp>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/version.h"

namespace joinery::telemetry {
namespace {

using Json = nlohmann::json;
using Environment = std::function<std::string(const char* name)>;

constexpr char kTracesPath[] = "/v1/traces";
constexpr int kStatusError = 2;

Json ToJson(const Attribute& attribute) {
  Json value;
  if (const auto* text = std::get_if<std::string>(&attribute.second)) {
    value["stringValue"] = *text;
  } else {
    // JSON's numbers do not hold all of 64 bits, so protobuf's mapping writes them as text.
    value["intValue"] = std::to_string(std::get<int64_t>(attribute.second));
  }
  return {{"key", attribute.first}, {"value", std::move(value)}};
}

Json ToJson(const std::vector<Attribute>& attributes) {
  Json list = Json::array();
  for (const Attribute& attribute : attributes) list.push_back(ToJson(attribute));
  return list;
}

std::string Nanoseconds(absl::Time time) { return std::to_string(absl::ToUnixNanos(time)); }

Json ToJson(const Span& span) {
  Json json = {{"traceId", span.context.trace_id},
               {"spanId", span.context.span_id},
               {"name", span.name},
               {"kind", static_cast<int>(span.kind)},
               {"startTimeUnixNano", Nanoseconds(span.start)},
               {"endTimeUnixNano", Nanoseconds(span.end)},
               {"attributes", ToJson(span.attributes)},
               {"status", Json::object()}};
  if (!span.parent_span_id.empty()) json["parentSpanId"] = span.parent_span_id;
  if (!span.status.ok()) json["status"] = {{"code", kStatusError}, {"message", std::string(span.status.message())}};
  return json;
}

absl::Status Wrong(absl::string_view variable, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(variable, " ", problem, "; no spans are exported"));
}

// Splits scheme://host:port/path.
absl::Status SetEndpoint(absl::string_view variable, absl::string_view url, OtlpOptions& options) {
  const size_t host = absl::StartsWith(url, "http://") ? 7 : absl::StartsWith(url, "https://") ? 8 : 0;
  if (host == 0 || host == url.size() || url[host] == '/') {
    return Wrong(variable, "is not an address such as http://127.0.0.1:4318");
  }
  const size_t path = url.find('/', host);
  options.origin = std::string(url.substr(0, path));
  options.path = path == absl::string_view::npos ? "" : std::string(url.substr(path));
  return absl::OkStatus();
}

absl::Status SetHeaders(const std::string& text, OtlpOptions& options) {
  for (const absl::string_view entry : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    const std::pair<absl::string_view, absl::string_view> header = absl::StrSplit(entry, absl::MaxSplits('=', 1));
    const absl::string_view name = absl::StripAsciiWhitespace(header.first);
    const absl::string_view value = absl::StripAsciiWhitespace(header.second);
    // Not told: it may be a secret.
    if (name.empty() || !absl::StrContains(entry, '=')) {
      return Wrong("OTEL_EXPORTER_OTLP_HEADERS", "is not a list of key=value, separated by commas");
    }
    options.headers.emplace_back(std::string(name), std::string(value));
  }
  return absl::OkStatus();
}

absl::Status SetTimeout(const std::string& text, OtlpOptions& options) {
  if (text.empty()) return absl::OkStatus();
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(text, &milliseconds) || milliseconds <= 0) {
    return Wrong("OTEL_EXPORTER_OTLP_TIMEOUT", "is not a number of milliseconds");
  }
  options.timeout = absl::Milliseconds(milliseconds);
  return absl::OkStatus();
}

uint64_t SystemRandomBits() {
  // Made once a thread: it asks the processor what it can do, which takes a virtual machine tens of microseconds.
  thread_local std::random_device device;
  return (static_cast<uint64_t>(device()) << 32U) | device();
}

}  // namespace

std::string ToOtlpJson(const Resource& resource, const std::vector<Span>& spans) {
  Json list = Json::array();
  for (const Span& span : spans) list.push_back(ToJson(span));
  const Json scope = {{"name", "joinery"}, {"version", base::kVersion}};
  const Json document = {
      {"resourceSpans",
       Json::array({{{"resource", {{"attributes", ToJson(resource)}}},
                     {"scopeSpans", Json::array({{{"scope", scope}, {"spans", std::move(list)}}})}}})}};
  return document.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

absl::StatusOr<std::optional<OtlpOptions>> OtlpOptionsFrom(const Environment& environment) {
  if (environment("OTEL_SDK_DISABLED") == "true") return std::nullopt;
  OtlpOptions options;
  const std::string traces = environment("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  const std::string base = environment("OTEL_EXPORTER_OTLP_ENDPOINT");
  if (traces.empty() && base.empty()) return std::nullopt;
  if (!traces.empty()) {
    RETURN_IF_ERROR(SetEndpoint("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", traces, options));
    if (options.path.empty()) options.path = "/";
  } else {
    RETURN_IF_ERROR(SetEndpoint("OTEL_EXPORTER_OTLP_ENDPOINT", base, options));
    options.path = absl::StrCat(absl::StripSuffix(options.path, "/"), kTracesPath);
  }
  RETURN_IF_ERROR(SetHeaders(environment("OTEL_EXPORTER_OTLP_HEADERS"), options));
  RETURN_IF_ERROR(SetTimeout(environment("OTEL_EXPORTER_OTLP_TIMEOUT"), options));
  return options;
}

std::unique_ptr<Tracer> TracerFrom(const Environment& environment, const std::string& service,
                                   const std::string& instance, const base::Clock& clock, absl::Status* problem) {
  std::unique_ptr<SpanExporter> exporter;
  absl::StatusOr<std::optional<OtlpOptions>> options = OtlpOptionsFrom(environment);
  *problem = options.status();
  if (options.ok() && options->has_value()) {
    const std::string named = environment("OTEL_SERVICE_NAME");
    Resource resource = {{"service.name", named.empty() ? service : named},
                         {"service.version", std::string(base::kVersion)}};
    if (!instance.empty()) resource.emplace_back("service.instance.id", instance);
    exporter = MakeOtlpExporter(**std::move(options), std::move(resource));
  }
  return std::make_unique<Tracer>(std::move(exporter), clock, SystemRandomBits);
}

}  // namespace joinery::telemetry
