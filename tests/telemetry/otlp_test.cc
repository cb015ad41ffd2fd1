#include "telemetry/otlp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/testing/status_matchers.h"

namespace joinery::telemetry {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Pair;
using Json = nlohmann::json;

Span MakeSpan() {
  Span span;
  span.name = "calibrate";
  span.kind = SpanKind::kInternal;
  span.context = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true};
  span.parent_span_id = "0000000000000007";
  span.start = absl::FromUnixNanos(1'700'000'000'123'456'789);
  span.end = span.start + absl::Milliseconds(5);
  span.attributes = {{"job_id", "7f3a"}, {"attempt", int64_t{2}}, {"odd", std::string("\xff\n")}};
  return span;
}

std::function<std::string(const char*)> Environment(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
}

TEST(OtlpTest, ASpanIsWhatTheProtocolSays) {
  Span failed = MakeSpan();
  failed.parent_span_id = "";
  failed.status = absl::NotFoundError("no such job");
  const Json document = Json::parse(ToOtlpJson({{"service.name", "joineryd"}}, {MakeSpan(), failed}));
  const Json& resource = document["resourceSpans"][0];
  EXPECT_EQ(resource["resource"]["attributes"],
            Json::parse(R"([{"key": "service.name", "value": {"stringValue": "joineryd"}}])"));
  const Json& spans = resource["scopeSpans"][0]["spans"];
  ASSERT_EQ(spans.size(), 2);
  EXPECT_EQ(spans[0], Json::parse(R"({
    "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "parentSpanId": "0000000000000007",
    "name": "calibrate", "kind": 1,
    "startTimeUnixNano": "1700000000123456789", "endTimeUnixNano": "1700000000128456789",
    "attributes": [{"key": "job_id", "value": {"stringValue": "7f3a"}},
                   {"key": "attempt", "value": {"intValue": "2"}},
                   {"key": "odd", "value": {"stringValue": "\ufffd\n"}}],
    "status": {}})"));
  EXPECT_FALSE(spans[1].contains("parentSpanId"));
  EXPECT_EQ(spans[1]["status"], Json::parse(R"({"code": 2, "message": "no such job"})"));
}

TEST(OtlpTest, TheVariablesOfOpenTelemetryCount) {
  EXPECT_EQ(OtlpOptionsFrom(Environment({})).value(), std::nullopt);
  const auto options = OtlpOptionsFrom(Environment({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"},
                                                    {"OTEL_EXPORTER_OTLP_HEADERS", "a=b, authorization=Basic x=="},
                                                    {"OTEL_EXPORTER_OTLP_TIMEOUT", "250"}}));
  ASSERT_THAT(options, IsOk());
  ASSERT_TRUE(options->has_value());
  EXPECT_EQ((*options)->origin, "http://collector:4318");
  EXPECT_EQ((*options)->path, "/v1/traces");
  EXPECT_THAT((*options)->headers, ::testing::ElementsAre(Pair("a", "b"), Pair("authorization", "Basic x==")));
  EXPECT_EQ((*options)->timeout, absl::Milliseconds(250));

  const auto traces = OtlpOptionsFrom(Environment({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"},
                                                   {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://other/take"}}));
  ASSERT_THAT(traces, IsOk());
  EXPECT_EQ((*traces)->origin, "https://other");
  EXPECT_EQ((*traces)->path, "/take");
  EXPECT_EQ(OtlpOptionsFrom(Environment({{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"}, {"OTEL_SDK_DISABLED", "true"}}))
                .value(),
            std::nullopt);
}

TEST(OtlpTest, AMistakeNamesItsVariableAndTellsNoSecret) {
  const std::pair<const char*, const char*> good = {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"};
  for (const char* bad : {"collector:4318", "ftp://c", "http://", "http:///v1"}) {
    EXPECT_THAT(OtlpOptionsFrom(Environment({{good.first, bad}})),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(good.first)))
        << bad;
  }
  for (const char* variable : {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TIMEOUT"}) {
    const auto options = OtlpOptionsFrom(Environment({good, {variable, "swordfish"}}));
    EXPECT_THAT(options, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(variable)));
    EXPECT_THAT(std::string(options.status().message()), ::testing::Not(HasSubstr("swordfish")));
  }
  const base::RealClock clock;
  absl::Status problem;
  EXPECT_FALSE(TracerFrom(Environment({{good.first, "?"}}), "joineryd", "", clock, &problem)->enabled());
  EXPECT_THAT(problem, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(good.first)));
}

// A collector that answers with a status of the test's choice.
class Collector {
 public:
  explicit Collector(int status) {
    server_.Post("/v1/traces", [this, status](const httplib::Request& request, httplib::Response& response) {
      const absl::MutexLock lock(&mutex_);
      request_ = request;
      response.status = status;
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Collector() {
    server_.stop();
    thread_.join();
  }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  OtlpOptions options() const {
    return {.origin = absl::StrCat("http://127.0.0.1:", port_), .path = "/v1/traces", .headers = {{"x-key", "k"}}};
  }
  httplib::Request request() {
    const absl::MutexLock lock(&mutex_);
    return request_;
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  absl::Mutex mutex_;
  httplib::Request request_ ABSL_GUARDED_BY(mutex_);
};

TEST(OtlpExporterTest, PostsJsonWithTheHeadersAskedFor) {
  Collector collector(200);
  const auto exporter = MakeOtlpExporter(collector.options(), {{"service.name", "joineryd"}});
  EXPECT_THAT(exporter->Export({MakeSpan()}), IsOk());
  EXPECT_EQ(collector.request().body, ToOtlpJson({{"service.name", "joineryd"}}, {MakeSpan()}));
  EXPECT_EQ(collector.request().get_header_value("Content-Type"), "application/json");
  EXPECT_EQ(collector.request().get_header_value("x-key"), "k");
}

TEST(OtlpExporterTest, ErrorsSayWhetherToTryAgain) {
  for (const auto& [http, code] : std::map<int, absl::StatusCode>{{400, absl::StatusCode::kFailedPrecondition},
                                                                  {429, absl::StatusCode::kUnavailable},
                                                                  {500, absl::StatusCode::kFailedPrecondition},
                                                                  {503, absl::StatusCode::kUnavailable}}) {
    Collector collector(http);
    EXPECT_THAT(MakeOtlpExporter(collector.options(), {})->Export({MakeSpan()}),
                StatusIs(code, HasSubstr(absl::StrCat(http))));
  }
  OtlpOptions nobody;
  {
    const Collector gone(200);
    nobody = gone.options();
  }
  EXPECT_THAT(MakeOtlpExporter(nobody, {})->Export({MakeSpan()}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1")));
}

}  // namespace
}  // namespace joinery::telemetry
