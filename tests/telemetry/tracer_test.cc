#include "telemetry/tracer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/telemetry/fake_exporter.h"

namespace joinery::telemetry {
namespace {

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";

Span MakeSpan(std::string name, bool sampled = true) {
  Span span;
  span.name = std::move(name);
  span.context = {kTrace, "00f067aa0ba902b7", sampled};
  return span;
}

// Fails the first calls; keeps what it took in the end.
class FailingExporter : public FakeExporter {
 public:
  FailingExporter(std::shared_ptr<Exported> exported, int failures, absl::Status error)
      : FakeExporter(std::move(exported)), failures_(failures), error_(std::move(error)) {}

  absl::Status Export(const std::vector<Span>& spans) override {
    return failures_-- > 0 ? error_ : FakeExporter::Export(spans);
  }

 private:
  int failures_;
  const absl::Status error_;
};

// Hangs until it is stopped.
class HangingExporter : public SpanExporter {
 public:
  explicit HangingExporter(absl::Notification& entered) : entered_(entered) {}

  absl::Status Export(const std::vector<Span>& /*spans*/) override {
    if (!entered_.HasBeenNotified()) entered_.Notify();
    stopped_.WaitForNotification();
    return absl::UnavailableError("stopped");
  }
  void Stop() override { stopped_.Notify(); }

 private:
  absl::Notification& entered_;
  absl::Notification stopped_;
};

class TracerTest : public ::testing::Test {
 protected:
  Tracer MakeTracer(std::unique_ptr<SpanExporter> exporter, const TracerOptions& options) {
    return Tracer(
        std::move(exporter), clock_, [] { return 1; }, options);
  }

  base::RealClock clock_;
  std::shared_ptr<Exported> exported_ = std::make_shared<Exported>();
};

TEST_F(TracerTest, WithoutAnExporterNothingIsKept) {
  Tracer tracer = MakeTracer(nullptr, {});
  EXPECT_FALSE(tracer.enabled());
  tracer.Record(MakeSpan("a"));
  EXPECT_EQ(tracer.exported(), 0);
  EXPECT_EQ(tracer.dropped(), 0);
}

TEST_F(TracerTest, SpansArriveInOrderButNotThoseNobodyWants) {
  Tracer tracer = MakeTracer(std::make_unique<FakeExporter>(exported_), QuickTracer());
  tracer.Record(MakeSpan("a"));
  tracer.Record(MakeSpan("unwanted", /*sampled=*/false));
  tracer.Record(MakeSpan("b"));
  const std::vector<Span> spans = exported_->WaitFor(2);
  ASSERT_EQ(spans.size(), 2);
  EXPECT_EQ(spans[0].name, "a");
  EXPECT_EQ(spans[1].name, "b");
}

TEST_F(TracerTest, TheLastSpansLeaveWhenTheTracerGoes) {
  {
    Tracer tracer = MakeTracer(std::make_unique<FakeExporter>(exported_), {.flush_period = absl::Hours(1)});
    tracer.Record(MakeSpan("last"));
  }
  EXPECT_EQ(exported_->WaitFor(1).size(), 1);
}

TEST_F(TracerTest, ACollectorThatIsAwayForAMomentLosesNothing) {
  TracerOptions options = QuickTracer();
  options.first_pause = absl::Milliseconds(1);
  auto exporter = std::make_unique<FailingExporter>(exported_, 2, absl::UnavailableError("away"));
  Tracer tracer = MakeTracer(std::move(exporter), options);
  tracer.Record(MakeSpan("a"));
  EXPECT_EQ(exported_->WaitFor(1).size(), 1);
  EXPECT_EQ(tracer.dropped(), 0);
}

TEST_F(TracerTest, WhatTheCollectorRefusesIsCountedAsDropped) {
  auto exporter = std::make_unique<FailingExporter>(exported_, 1, absl::FailedPreconditionError("answered 400"));
  Tracer tracer = MakeTracer(std::move(exporter), QuickTracer());
  tracer.Record(MakeSpan("refused"));
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (tracer.dropped() == 0 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_EQ(tracer.dropped(), 1);
  tracer.Record(MakeSpan("taken"));
  EXPECT_EQ(exported_->WaitFor(1).front().name, "taken");
}

TEST_F(TracerTest, ACollectorThatHangsHoldsUpNobody) {
  absl::Notification entered;
  TracerOptions options = QuickTracer();
  options.max_queued = 10;
  options.last_flush = absl::Milliseconds(20);
  const absl::Time began = absl::Now();
  {
    Tracer tracer = MakeTracer(std::make_unique<HangingExporter>(entered), options);
    tracer.Record(MakeSpan("first"));
    entered.WaitForNotification();
    for (int i = 0; i < 100; ++i) tracer.Record(MakeSpan("more"));
    EXPECT_EQ(tracer.dropped(), 90);
  }
  EXPECT_LT(absl::Now() - began, absl::Seconds(10));
}

}  // namespace
}  // namespace joinery::telemetry
