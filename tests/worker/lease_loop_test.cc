#include "worker/lease_loop.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/worker/fake_server.h"
#include "worker/rpc.h"
#include "worker/stopwatch.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::FakeServer;
using ::joinery::testing::IsOk;
using ::joinery::testing::TemporaryFolder;
using ::testing::HasSubstr;

int CountEntries(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

// A worker that runs on a thread of its own.
class LeaseLoopTest : public ::testing::Test {
 protected:
  ~LeaseLoopTest() override { StopWorker().IgnoreError(); }

  void StartWorker(const std::string& compiler = JOINERY_STUB_COMPILER) {
    thread_ = std::thread([this, compiler] {
      absl::StatusOr<BlobCache> cache = BlobCache::Open(folder_ / "cache", 1 << 20);
      absl::StatusOr<WorkFolder> work_folder = WorkFolder::Open(folder_ / "work");
      const std::shared_ptr<grpc::Channel> channel = ConnectTo(server_.address());
      const auto workers = v1::WorkerService::NewStub(channel);
      const auto blobs = v1::BlobService::NewStub(channel);
      const base::RealClock clock;
      const Stopwatch stopwatch;
      std::mt19937_64 random(1);
      const ChildLimits limits{.memory_bytes = int64_t{256} << 20, .wall_time = absl::Seconds(60)};
      LeaseLoop loop({.worker_name = "w1",
                      .compiler = {compiler, limits},
                      .compiler_version = "1.2.3",
                      .lease_wait = absl::Seconds(5),
                      .first_retry = absl::Milliseconds(10),
                      .longest_retry = absl::Milliseconds(50)},
                     *workers, *blobs, *cache, *work_folder, clock, stopwatch, random);
      status_ = loop.Run(stop_.get_token(), stop_.get_token());
    });
  }

  absl::Status StopWorker() {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
    return status_;
  }

  // Runs a job to its end.
  v1::FinishJobRequest RunJob(const std::string& deed) {
    StartWorker();
    return server_.WaitForFinish(server_.AddJob(deed)).value_or(v1::FinishJobRequest());
  }

  void ExpectNothingLeft() {
    EXPECT_THAT(StopWorker(), IsOk());
    EXPECT_EQ(CountEntries(folder_ / "work"), 0);
    EXPECT_EQ(CountEntries(folder_ / "cache"), 2);
  }

  TemporaryFolder folder_;
  FakeServer server_;
  std::stop_source stop_;
  std::thread thread_;
  absl::Status status_;
};

TEST_F(LeaseLoopTest, AJobRunsFromLeaseToResult) {
  const v1::FinishJobRequest finish = RunJob("succeed");
  ASSERT_TRUE(finish.has_result()) << finish.DebugString();
  EXPECT_EQ(server_.Blob(finish.result().artifact().digest()), "the modelthe photos");
  EXPECT_EQ(server_.Blob(finish.result().report().digest()), R"({"modelBytes":"1"})");
  EXPECT_EQ(server_.Blob(finish.result().html_report().digest()), "<p>the report");
  EXPECT_EQ(server_.compiler_version(), "1.2.3");
  EXPECT_TRUE(server_.WaitForLine("imported ../../net.onnx").has_value());
  bool progress_seen = false;
  for (const v1::JobEvent& event : server_.events()) progress_seen |= event.progress().stage() == "calibrate";
  EXPECT_TRUE(progress_seen);
  EXPECT_EQ(server_.uploads(), 3);
  // The server has the result of the second already, and the worker the inputs.
  const std::string again = server_.AddJob("succeed");
  const std::optional<v1::FinishJobRequest> second = server_.WaitForFinish(again);
  ASSERT_TRUE(second.has_value() && second->has_result());
  EXPECT_EQ(server_.uploads(), 3);
  EXPECT_TRUE(server_.WaitForLine("the model (9 bytes) was in the worker's cache").has_value());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, InputShapesReachTheCompilerAsOneWord) {
  v1::Lease lease;
  v1::BuildSpec& spec = *lease.mutable_job()->mutable_spec()->mutable_build();
  *spec.mutable_model() = server_.AddBlob("the model");
  *spec.mutable_calibration() = server_.AddBlob("the photos");
  spec.set_configuration("describe");
  spec.add_input_shapes("in:1x3x224x224");
  spec.add_input_shapes("--output=/etc/passwd");
  lease.mutable_term()->set_seconds(10);
  StartWorker();
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(server_.AddLease(lease));
  ASSERT_TRUE(finish.has_value() && finish->has_result());
  const std::string report = server_.Blob(finish->result().report().digest());
  EXPECT_THAT(report, HasSubstr("--input-shape in:1x3x224x224;"));
  EXPECT_THAT(report, HasSubstr("--output out.joint\n"));
  EXPECT_FALSE(finish->result().has_html_report()) << "this compiler makes none";
  ExpectNothingLeft();
}

struct BadEnd {
  const char* deed;
  v1::FailureReason reason;
  const char* message;
};
class BadEndTest : public LeaseLoopTest, public ::testing::WithParamInterface<BadEnd> {};

TEST_P(BadEndTest, IsOneFailedJobAndTheNextRuns) {
  const v1::FinishJobRequest finish = RunJob(GetParam().deed);
  ASSERT_TRUE(finish.has_failure()) << finish.DebugString();
  EXPECT_EQ(finish.failure().reason(), GetParam().reason) << finish.DebugString();
  EXPECT_THAT(finish.failure().message(), HasSubstr(GetParam().message));
  const std::optional<v1::FinishJobRequest> next = server_.WaitForFinish(server_.AddJob("succeed"));
  EXPECT_TRUE(next.has_value() && next->has_result());
  ExpectNothingLeft();
}
INSTANTIATE_TEST_SUITE_P(, BadEndTest,
                         ::testing::ValuesIn<BadEnd>({
                             {"fail", v1::FAILURE_REASON_INVALID_CONFIG, "mine.prototxt has a mistake"},
                             {"raise 11", v1::FAILURE_REASON_INTERNAL, "SIGSEGV"},
                             {"raise 9", v1::FAILURE_REASON_INTERNAL, "somebody on the worker's host"},
                             {"allocate", v1::FAILURE_REASON_OUT_OF_MEMORY, "256 MiB"},
                             {"make_nothing", v1::FAILURE_REASON_INTERNAL, "did not write an artifact"},
                             {"link_elsewhere", v1::FAILURE_REASON_INTERNAL, "not a file of its own"},
                         }),
                         [](const auto& bad_end) {
                           std::string name = bad_end.param.deed;
                           for (char& c : name) c = c == ' ' ? '_' : c;
                           return name;
                         });

TEST_F(LeaseLoopTest, GarbageAmongEventsIsNotFatal) {
  EXPECT_TRUE(RunJob("tell_garbage").has_result());
  EXPECT_TRUE(server_.WaitForLine("after the garbage").has_value());
  EXPECT_TRUE(server_.WaitForLine("not an event: this is no JSON").has_value());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, LastOutputIsAttachedWhenTheCompilerDidNotSayWhy) {
  EXPECT_TRUE(RunJob("exit 3").has_failure());
  EXPECT_TRUE(server_.WaitForLine("compiler output: last words").has_value());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, CancellingTakesLessThanASecond) {
  StartWorker();
  const std::string token = server_.AddJob("hang");
  ASSERT_TRUE(server_.WaitForLine("pid=").has_value());
  const absl::Time start = absl::Now();
  server_.Cancel(token);
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_LT(absl::Now() - start, absl::Seconds(1));
  EXPECT_TRUE(finish.has_value() && finish->has_cancelled());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, EndlessLogLinesCanBeCancelledAndAreCutOff) {
  StartWorker();
  const std::string token = server_.AddJob("log_without_end");
  ASSERT_TRUE(server_.WaitForLine("more than 10000 log lines").has_value());
  server_.Cancel(token);
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_cancelled());
  EXPECT_LT(server_.events().size(), 10'100);
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, AJobWhoseLeaseIsLostIsDroppedWithoutAWord) {
  StartWorker();
  const std::string lost = server_.AddJob("hang_deaf");
  const std::optional<std::string> line = server_.WaitForLine("pid=");
  ASSERT_TRUE(line.has_value());
  server_.TakeLeaseAway(lost);
  const std::optional<v1::FinishJobRequest> next = server_.WaitForFinish(server_.AddJob("succeed"));
  EXPECT_TRUE(next.has_value() && next->has_result());
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(absl::StripPrefix(*line, "pid="), &pid));
  EXPECT_NE(kill(pid, 0), 0);
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, AServerThatComesBackInTimeFindsTheJobGoingOn) {
  StartWorker();
  const std::string token = server_.AddJob("hang", absl::Seconds(30));
  ASSERT_TRUE(server_.WaitForLine("pid=").has_value());
  server_.Stop();
  absl::SleepFor(absl::Milliseconds(700));  // Longer than a heartbeat, so that one fails.
  server_.Start();
  server_.Cancel(token);
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_cancelled());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, WorkIsDroppedWhenTheServerStaysAwayForTheTerm) {
  StartWorker();
  const std::string token = server_.AddJob("hang_deaf", absl::Milliseconds(600));
  const std::optional<std::string> line = server_.WaitForLine("pid=");
  ASSERT_TRUE(line.has_value());
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(absl::StripPrefix(*line, "pid="), &pid));
  server_.Stop();
  for (int i = 0; i < 1000 && kill(pid, 0) == 0; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_NE(kill(pid, 0), 0);
  server_.Start();
  const std::optional<v1::FinishJobRequest> next = server_.WaitForFinish(server_.AddJob("succeed"));
  EXPECT_TRUE(next.has_value() && next->has_result());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, AWorkerMayStartBeforeItsServer) {
  server_.Stop();
  StartWorker();
  absl::SleepFor(absl::Milliseconds(100));
  server_.Start();
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(server_.AddJob("succeed"));
  EXPECT_TRUE(finish.has_value() && finish->has_result());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, FinishingIsRepeatedWhileTheServerIsUnavailable) {
  server_.FailFinish(3, grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(RunJob("succeed").has_result());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, F23_FinishingIsRepeatedWhenAServerThatStopsDropsTheCall) {
  server_.FailFinish(1, grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(RunJob("succeed").has_result());
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, ARefusedResultBecomesAFailureThatSaysSo) {
  server_.FailFinish(1, grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(RunJob("succeed").failure().message(), HasSubstr("as the test wants"));
  ExpectNothingLeft();
}

TEST_F(LeaseLoopTest, AStoppingWorkerHandsItsJobBack) {
  StartWorker();
  const std::string token = server_.AddJob("hang_deaf");
  ASSERT_TRUE(server_.WaitForLine("pid=").has_value());
  ExpectNothingLeft();
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_released());
}

TEST_F(LeaseLoopTest, AnIdleWorkerStopsAtOnce) {
  StartWorker();
  ASSERT_TRUE(server_.WaitForLeaseCalls(1));
  const absl::Time start = absl::Now();
  EXPECT_THAT(StopWorker(), IsOk());
  EXPECT_LT(absl::Now() - start, absl::Seconds(2));
}

TEST_F(LeaseLoopTest, AMissingOrMalformedInputFailsTheJob) {
  v1::Lease lease;
  v1::BuildSpec& spec = *lease.mutable_job()->mutable_spec()->mutable_build();
  spec.mutable_model()->set_digest("../../../etc/passwd");
  lease.mutable_term()->set_seconds(10);
  StartWorker();
  std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(server_.AddLease(lease));
  EXPECT_TRUE(finish.has_value() && finish->has_failure());
  spec.mutable_model()->set_digest(base::Sha256("nobody has this"));
  spec.mutable_model()->set_size(5);
  finish = server_.WaitForFinish(server_.AddLease(lease));
  ASSERT_TRUE(finish.has_value());
  EXPECT_THAT(finish->failure().message(), HasSubstr("could not fetch the model"));
}

TEST_F(LeaseLoopTest, AWorkerWhoseCompilerIsGoneHandsTheJobBackAndEnds) {
  StartWorker("/nonexistent/joineryc");
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(server_.AddJob("succeed"));
  EXPECT_TRUE(finish.has_value() && finish->has_released());
  thread_.join();
  EXPECT_THAT(std::string(status_.message()), HasSubstr("/nonexistent/joineryc"));
}

}  // namespace
}  // namespace joinery::worker
