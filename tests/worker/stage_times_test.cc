#include "worker/stage_times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "telemetry/status_endpoint.h"
#include "tests/telemetry/fake_exporter.h"
#include "tests/testing/fake_clock.h"

namespace joinery::worker {
namespace {

using telemetry::Span;

const telemetry::TraceContext kCompile = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true};

class StageTimesTest : public ::testing::Test {
 protected:
  void Progress(StageTimes& stages, const std::string& stage, double fraction) {
    v1::Progress progress;
    progress.set_stage(stage);
    progress.set_fraction(fraction);
    stages.Take(progress);
  }
  std::string Metrics() { return telemetry::MetricsText({&metrics_.registry()}); }

  joinery::testing::FakeClock clock_;
  WorkerMetrics metrics_;
  std::shared_ptr<telemetry::Exported> exported_ = std::make_shared<telemetry::Exported>();
  uint64_t next_random_ = 1;
  telemetry::Tracer tracer_{std::make_unique<telemetry::FakeExporter>(exported_), clock_,
                            [this] { return next_random_++; }, telemetry::QuickTracer()};
};

TEST_F(StageTimesTest, AStageLastsUntilTheNext) {
  StageTimes stages(tracer_, kCompile, metrics_);
  Progress(stages, "import", 0);
  clock_.Advance(absl::Seconds(1));
  Progress(stages, "import", 0.5);
  clock_.Advance(absl::Seconds(1));
  Progress(stages, "calibrate", 0);
  clock_.Advance(absl::Seconds(5));
  stages.Finish(absl::UnknownError("no memory"));
  stages.Finish(absl::OkStatus());
  const std::vector<Span> spans = exported_->WaitFor(2);
  ASSERT_EQ(spans.size(), 2);
  EXPECT_EQ(spans[0].name, "import");
  EXPECT_EQ(spans[0].end - spans[0].start, absl::Seconds(2));
  EXPECT_EQ(spans[0].parent_span_id, kCompile.span_id);
  EXPECT_TRUE(spans[0].status.ok());
  EXPECT_EQ(spans[1].name, "calibrate");
  EXPECT_EQ(spans[1].end - spans[1].start, absl::Seconds(5));
  EXPECT_EQ(spans[1].status, absl::UnknownError("no memory"));
  EXPECT_TRUE(absl::StrContains(Metrics(), "joinery_worker_stage_seconds_sum{stage=\"import\"} 2\n"));
  EXPECT_TRUE(absl::StrContains(Metrics(), "joinery_worker_stage_seconds_sum{stage=\"calibrate\"} 5\n"));
}

TEST_F(StageTimesTest, ACompilerThatNamesManyStagesFillsNothing) {
  StageTimes stages(tracer_, kCompile, metrics_);
  for (int i = 0; i < 10'000; ++i) Progress(stages, absl::StrCat("stage-", i, std::string(1000, 'x')), 0);
  stages.Finish(absl::OkStatus());
  const std::vector<Span> spans = exported_->WaitFor(64);
  EXPECT_EQ(spans.size(), 64);
  for (const Span& span : spans) EXPECT_LE(span.name.size(), 64 + 3);
  EXPECT_LT(Metrics().size(), 100'000);
}

TEST_F(StageTimesTest, WithoutATraceThereAreNoSpansButTimes) {
  StageTimes stages(tracer_, std::nullopt, metrics_);
  Progress(stages, "emit", 0);
  clock_.Advance(absl::Seconds(3));
  stages.Finish(absl::OkStatus());
  EXPECT_TRUE(absl::StrContains(Metrics(), "joinery_worker_stage_seconds_sum{stage=\"emit\"} 3\n"));
  EXPECT_EQ(next_random_, 1);
}

TEST(WorkerMetricsTest, AttemptsAreCountedByOutcomeAndReason) {
  WorkerMetrics metrics;
  v1::FinishJobRequest failed;
  failed.mutable_failure()->set_reason(v1::FAILURE_REASON_OUT_OF_MEMORY);
  metrics.AttemptBegan();
  metrics.AttemptEnded(&failed, absl::Seconds(2));
  metrics.AttemptEnded(nullptr, absl::Seconds(2));
  const std::string text = telemetry::MetricsText({&metrics.registry()});
  EXPECT_TRUE(
      absl::StrContains(text, "joinery_worker_attempts_total{outcome=\"failed\",reason=\"out_of_memory\"} 1\n"));
  EXPECT_TRUE(absl::StrContains(text, "joinery_worker_attempts_total{outcome=\"abandoned\",reason=\"\"} 1\n"));
  EXPECT_TRUE(absl::StrContains(text, "joinery_worker_attempt_seconds_sum 4\n"));
  EXPECT_TRUE(absl::StrContains(text, "joinery_worker_busy 0\n"));
}

}  // namespace
}  // namespace joinery::worker
