#include "telemetry/span_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/telemetry/fake_exporter.h"

namespace joinery::telemetry {
namespace {

const TraceContext kCaller = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true};

TEST(SpanScopeTest, WhatIsCalledWithinIsAChild) {
  TestTracer test;
  {
    SpanScope outer(test.tracer, "outer", kCaller, SpanKind::kConsumer);
    EXPECT_EQ(CurrentTrace(), outer.context());
    {
      SpanScope inner(test.tracer, "inner");
      inner.Set("job_id", "7f3a");
      inner.SetStatus(absl::DataLossError("damaged"));
      EXPECT_EQ(CurrentTrace(), inner.context());
    }
    EXPECT_EQ(CurrentTrace(), outer.context());
  }
  EXPECT_EQ(CurrentTrace(), std::nullopt);
  const std::vector<Span> spans = test.exported->WaitFor(2);
  ASSERT_EQ(spans.size(), 2);
  EXPECT_EQ(spans[0].name, "inner");
  EXPECT_EQ(spans[0].parent_span_id, spans[1].context.span_id);
  EXPECT_EQ(spans[0].context.trace_id, kCaller.trace_id);
  EXPECT_EQ(spans[0].attributes, (std::vector<Attribute>{{"job_id", "7f3a"}}));
  EXPECT_EQ(spans[0].status, absl::DataLossError("damaged"));
  EXPECT_EQ(spans[1].parent_span_id, kCaller.span_id);
  EXPECT_EQ(spans[1].kind, SpanKind::kConsumer);
  EXPECT_LE(spans[1].start, spans[0].start);
  EXPECT_GE(spans[1].end, spans[0].end);
}

TEST(SpanScopeTest, WithoutAParentATraceBegins) {
  TestTracer test;
  { const SpanScope scope(test.tracer, "root", std::nullopt); }
  const std::vector<Span> spans = test.exported->WaitFor(1);
  ASSERT_EQ(spans.size(), 1);
  EXPECT_EQ(spans[0].parent_span_id, "");
}

TEST(SpanScopeTest, ATracerThatKeepsNothingPassesTheParentOn) {
  const base::RealClock clock;
  Tracer tracer(nullptr, clock, [] { return 1; });
  const SpanScope scope(tracer, "nothing", kCaller);
  EXPECT_EQ(CurrentTrace(), kCaller);
  const SpanScope none(tracer, "nothing", std::nullopt);
  EXPECT_EQ(none.context(), std::nullopt);
}

TEST(SpanScopeTest, AThreadIsInItsOwnSpanOrThatOfTheProcess) {
  TestTracer test;
  const SpanScope scope(test.tracer, "here", kCaller);
  std::optional<TraceContext> without;
  std::thread([&] { without = CurrentTrace(); }).join();
  EXPECT_EQ(without, std::nullopt);
  SetProcessTrace(kCaller);
  std::optional<TraceContext> with;
  std::thread([&] { with = CurrentTrace(); }).join();
  SetProcessTrace(std::nullopt);
  EXPECT_EQ(with, kCaller);
}

}  // namespace
}  // namespace joinery::telemetry
