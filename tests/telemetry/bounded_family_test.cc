#include "telemetry/bounded_family.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "telemetry/status_endpoint.h"

namespace joinery::telemetry {
namespace {

using ::testing::HasSubstr;

TEST(BoundedFamilyTest, LabelsBeyondTheLimitAreCountedTogether) {
  prometheus::Registry registry;
  BoundedFamily<prometheus::Counter> family(CounterFamily(registry, "calls_total", "Calls."), {"method", "code"}, 2);
  for (int i = 0; i < 1000; ++i) family.With({absl::StrCat("m", i), "OK"}).Increment();
  family.With({"m1", "OK"}).Increment();
  EXPECT_EQ(MetricsText({&registry}),
            "# HELP calls_total Calls.\n"
            "# TYPE calls_total counter\n"
            "calls_total{code=\"other\",method=\"other\"} 998\n"
            "calls_total{code=\"OK\",method=\"m1\"} 2\n"
            "calls_total{code=\"OK\",method=\"m0\"} 1\n");
}

TEST(BoundedFamilyTest, LabelsCannotBreakTheFormat) {
  prometheus::Registry registry;
  BoundedFamily<prometheus::Gauge> family(GaugeFamily(registry, "g", "G."), {"name"}, 2);
  family.With({"a\"} 1\nb\\"}).Set(1);
  EXPECT_THAT(MetricsText({&registry}), HasSubstr("g{name=\"a\\\"} 1\\nb\\\\\"} 1\n"));
}

}  // namespace
}  // namespace joinery::telemetry
