#include "worker/event_queue.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "worker/compiler_events.h"
#include "worker/stage_times.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::FakeClock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

v1::Progress MakeProgress(const std::string& stage) {
  v1::Progress progress;
  progress.set_stage(stage);
  return progress;
}

// Each line's text, and "@STAGE" for progress.
std::vector<std::string> Texts(const std::vector<v1::JobEvent>& events) {
  std::vector<std::string> texts;
  texts.reserve(events.size());
  for (const v1::JobEvent& event : events) {
    texts.push_back(event.has_log() ? event.log().text() : absl::StrCat("@", event.progress().stage()));
  }
  return texts;
}

TEST(EventQueueTest, KeepsLinesInOrderAndOnlyTheNewestProgressOfAStage) {
  const FakeClock clock;
  EventQueue queue(clock);
  v1::Progress progress = MakeProgress("stage");
  queue.SetProgress(progress);
  queue.AddCompilerLine(v1::LOG_LEVEL_INFO, "a");
  progress.set_fraction(0.5);
  queue.SetProgress(progress);
  queue.AddWorkerLine(v1::LOG_LEVEL_INFO, "b");
  const std::vector<v1::JobEvent> events = queue.Take();
  EXPECT_THAT(Texts(events), ElementsAre("a", "b", "@stage"));
  EXPECT_EQ(events[2].progress().fraction(), 0.5);
  EXPECT_EQ(events[0].time().seconds(), absl::ToUnixSeconds(clock.Now()));
  EXPECT_TRUE(queue.empty());
}

TEST(EventQueueTest, NoStageIsTooShortToBeToldOfWithTheTimeOfItsBegin) {
  FakeClock clock;
  EventQueue queue(clock);
  const int64_t begin = absl::ToUnixSeconds(clock.Now());
  for (const char* stage : {"import", "simplify", "simplify", "calibrate"}) {
    queue.SetProgress(MakeProgress(stage));
    clock.Advance(absl::Seconds(1));
  }
  queue.AddCompilerLine(v1::LOG_LEVEL_INFO, "a");
  const std::vector<v1::JobEvent> events = queue.Take();
  ASSERT_THAT(Texts(events), ElementsAre("@import", "@simplify", "a", "@calibrate"));
  EXPECT_EQ(events[1].time().seconds(), begin + 1);
  EXPECT_EQ(events[3].time().seconds(), begin + 3);
}

TEST(EventQueueTest, ACompilerThatMakesUpStagesDoesNotFillTheMemory) {
  const FakeClock clock;
  EventQueue queue(clock);
  for (int i = 0; i < 10'000; ++i) queue.SetProgress(MakeProgress(absl::StrCat(i)));
  EXPECT_THAT(queue.Take(), SizeIs(65));
}

TEST(EventQueueTest, TakesAtMostWhatOneMessageMayHold) {
  const FakeClock clock;
  EventQueue queue(clock);
  for (int i = 0; i < 1500; ++i) queue.AddCompilerLine(v1::LOG_LEVEL_INFO, absl::StrCat(i));
  queue.SetProgress(MakeProgress("p"));
  EXPECT_THAT(queue.Take(), SizeIs(1000));
  EXPECT_THAT(queue.Take(), SizeIs(501));
  const std::string long_line(1 << 20, 'x');
  for (int i = 0; i < 600; ++i) queue.AddCompilerLine(v1::LOG_LEVEL_INFO, long_line);
  size_t bytes = 0;
  for (const v1::JobEvent& event : queue.Take()) bytes += event.ByteSizeLong();
  EXPECT_LT(bytes, 2'000'000);
}

TEST(EventQueueTest, EndlessLinesEndWithAWarningButTheWorkersOwnGoOn) {
  const FakeClock clock;
  EventQueue queue(clock, /*max_lines=*/2);
  for (const char* text : {"a", "b", "c", "d"}) queue.AddCompilerLine(v1::LOG_LEVEL_INFO, text);
  queue.AddWorkerLine(v1::LOG_LEVEL_ERROR, "end");
  EXPECT_THAT(Texts(queue.Take()), ElementsAre("a", "b", HasSubstr("more than 2 log lines"), "end"));
}

class CompilerEventsTest : public ::testing::Test {
 protected:
  CompilerEventsTest() {
    v1::BuildSpec spec;
    spec.set_model_name("net.onnx");
    names_ = DisplayNames(spec);
  }

  FakeClock clock_;
  EventQueue queue_{clock_};
  DisplayNames names_{v1::BuildSpec()};
  telemetry::Tracer tracer_{nullptr, clock_, [] { return uint64_t{1}; }};
  WorkerMetrics metrics_;
  StageTimes stages_{tracer_, std::nullopt, metrics_};
  CompilerEvents events_{queue_, names_, stages_};
};

TEST_F(CompilerEventsTest, EventsMayComeInPiecesAndWithFieldsNotKnown) {
  events_.Add(R"({"log":{"level":"LOG_LEVEL_WARNING","text":"model.onnx is)");
  events_.Add(" large\",\"colour\":\"red\"}}\n{\"progress\":{\"stage\":\"import\",\"fraction\":\"NaN\"}}");
  events_.Finish();
  const std::vector<v1::JobEvent> events = queue_.Take();
  ASSERT_THAT(Texts(events), ElementsAre("net.onnx is large", "@import"));
  EXPECT_EQ(events[0].log().level(), v1::LOG_LEVEL_WARNING);
  EXPECT_EQ(events[1].progress().fraction(), 0);
  EXPECT_FALSE(events_.failure().has_value());
}

TEST_F(CompilerEventsTest, GarbageIsLeftOutWithAWarning) {
  events_.Add("rubbish\n[1]\n" + std::string(70'000, '{') + "\n\n{\"log\":{\"text\":\"after\"}}\n");
  EXPECT_THAT(Texts(queue_.Take()), ElementsAre(HasSubstr("not an event: rubbish"), HasSubstr("not an event: [1]"),
                                                HasSubstr("more than 65536"), "after"));
}

TEST_F(CompilerEventsTest, WarningsAboutGarbageAreFew) {
  for (int i = 0; i < 1000; ++i) events_.Add("rubbish\n");
  EXPECT_THAT(queue_.Take(), SizeIs(10));
}

TEST_F(CompilerEventsTest, DeeplyNestedJsonIsLeftOut) {
  events_.Add("{\"log\":" + std::string(30'000, '[') + "\n");
  EXPECT_THAT(queue_.Take(), SizeIs(1));
}

TEST_F(CompilerEventsTest, TheFailureIsKeptWithNamesPeopleKnow) {
  events_.Add(
      R"({"failure":{"reason":"FAILURE_REASON_INVALID_MODEL","message":"model.onnx: no","culprit":"model.onnx"}})");
  events_.Finish();
  ASSERT_TRUE(events_.failure().has_value());
  EXPECT_EQ(events_.failure()->reason(), v1::FAILURE_REASON_INVALID_MODEL);
  EXPECT_EQ(events_.failure()->message(), "net.onnx: no");
  EXPECT_EQ(events_.failure()->culprit(), "net.onnx");
}

TEST_F(CompilerEventsTest, AFailureWithoutAReasonIsInternal) {
  events_.Add("{\"failure\":{}}\n");
  ASSERT_TRUE(events_.failure().has_value());
  EXPECT_EQ(events_.failure()->reason(), v1::FAILURE_REASON_INTERNAL);
}

}  // namespace
}  // namespace joinery::worker
