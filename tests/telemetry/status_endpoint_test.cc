#include "telemetry/status_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <prometheus/registry.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "telemetry/bounded_family.h"
#include "telemetry/process_metrics.h"
#include "tests/testing/status_matchers.h"

namespace joinery::telemetry {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

class StatusEndpointTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto endpoint = StatusEndpoint::Start(
        {.listen = "127.0.0.1:0",
         .readiness = [this] { return ready_ ? absl::OkStatus() : absl::UnavailableError("no database"); },
         .metrics = {&registry_, &process_}});
    ASSERT_THAT(endpoint, IsOk());
    endpoint_ = *std::move(endpoint);
  }

  httplib::Result Get(const std::string& path) {
    httplib::Client client("127.0.0.1", endpoint_->port());
    return client.Get(path);
  }

  std::atomic<bool> ready_ = true;
  prometheus::Registry registry_;
  ProcessMetrics process_;
  std::unique_ptr<StatusEndpoint> endpoint_;
};

TEST_F(StatusEndpointTest, ReadinessIsNotLiveness) {
  EXPECT_EQ(Get("/readyz")->status, 200);
  ready_ = false;
  EXPECT_EQ(Get("/readyz")->status, 503);
  EXPECT_EQ(Get("/readyz")->body, "not ready: no database\n");
  EXPECT_EQ(Get("/healthz")->status, 200);
  ready_ = true;
  EXPECT_EQ(Get("/readyz")->status, 200);
}

TEST_F(StatusEndpointTest, MetricsAreInPrometheusFormat) {
  CounterFamily(registry_, "jobs_total", "Jobs.").Add({{"state", "failed"}}).Increment(3);
  const httplib::Result result = Get("/metrics");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->get_header_value("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(result->body, HasSubstr("# TYPE jobs_total counter\njobs_total{state=\"failed\"} 3\n"));
  EXPECT_THAT(result->body, HasSubstr("\nprocess_resident_memory_bytes "));
  EXPECT_THAT(result->body, ::testing::ContainsRegex("joinery_build_info\\{version=\"[0-9.]+\"\\} 1\n"));
}

TEST_F(StatusEndpointTest, NothingElseIsThere) {
  EXPECT_EQ(Get("/")->status, 404);
  EXPECT_EQ(Get("/metrics/../../etc/passwd")->status, 404);
  httplib::Client client("127.0.0.1", endpoint_->port());
  EXPECT_EQ(client.Post("/metrics", std::string(1 << 16, 'x'), "text/plain")->status / 100, 4);
}

TEST_F(StatusEndpointTest, APortThatIsTakenIsAnError) {
  EXPECT_THAT(StatusEndpoint::Start({absl::StrCat("127.0.0.1:", endpoint_->port()), {}, {}}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("--metrics-listen")));
  for (const char* bad : {"", "7421", ":7421", "127.0.0.1:", "127.0.0.1:70000", "[::1:7421", "[]:7421"}) {
    EXPECT_THAT(StatusEndpoint::Start({bad, {}, {}}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("HOST:PORT")))
        << bad;
  }
}

TEST(ProcessMetricsTest, TellsWhatTheKernelKnows) {
  std::map<std::string, double> values;
  for (const prometheus::MetricFamily& family : ProcessMetrics().Collect()) {
    ASSERT_EQ(family.metric.size(), 1);
    const prometheus::ClientMetric& metric = family.metric[0];
    values[family.name] = family.type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value;
  }
  EXPECT_GT(values["process_resident_memory_bytes"], 1 << 20);
  EXPECT_GT(values["process_virtual_memory_bytes"], values["process_resident_memory_bytes"]);
  EXPECT_GE(values["process_cpu_seconds_total"], 0);
  EXPECT_GE(values["process_open_fds"], 3);
  EXPECT_GE(values["process_threads"], 1);
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_GT(values["process_start_time_seconds"], now - 3600);
  EXPECT_LT(values["process_start_time_seconds"], now + 5);
}

}  // namespace
}  // namespace joinery::telemetry
