#include "client/output.h"

#include <string>

#include "client/exit_code.h"
#include "client/json.h"
#include "client/nearest.h"
#include "client/report_summary.h"
#include "tests/testing/status_matchers.h"

namespace joinery::client {
namespace {

using ::joinery::testing::IsOkAndHolds;

const Table kTable = {{"ID", "STATE", "MODEL"}, {{"7f", "FAILED", "a\tb.onnx"}, {"80a", "QUEUED", "\x1b[2J"}}};

TEST(OutputTest, PeopleGetColumns) {
  EXPECT_EQ(FormatTable(kTable, /*for_people=*/true, /*colour=*/false),
            "ID   STATE   MODEL\n"
            "7f   FAILED  a b.onnx\n"
            "80a  QUEUED  \\x1b[2J\n");
}

TEST(OutputTest, PipesGetTabsAndNoHeader) {
  EXPECT_EQ(FormatTable(kTable, /*for_people=*/false, /*colour=*/false),
            "7f\tFAILED\ta b.onnx\n"
            "80a\tQUEUED\t\\x1b[2J\n");
}

TEST(OutputTest, ColourLeavesTheColumnsInLine) {
  EXPECT_EQ(FormatTable({{"A", "B"}, {{"FAILED", "x"}}}, true, true),
            "\x1b[1mA\x1b[0m       \x1b[1mB\x1b[0m\n\x1b[31mFAILED\x1b[0m  x\n");
}

TEST(OutputTest, ErrorsSayWhatWhyAndHow) {
  v1::Job job;
  job.set_id("7f");
  job.set_state(v1::JOB_STATE_FAILED);
  job.mutable_failure()->set_reason(v1::FAILURE_REASON_INVALID_MODEL);
  job.mutable_failure()->set_message("the graph has a cycle");
  job.mutable_failure()->set_culprit("node \"conv1\"");
  EXPECT_EQ(FormatError(Describe(OutcomeOf(job)), false),
            "error: the graph has a cycle (INVALID_MODEL)\n"
            "why: the fault is at node \"conv1\"\n"
            "fix: see the whole log: joinery jobs logs 7f\n"
            "ref: job 7f\n");
  EXPECT_EQ(JsonOf(Describe(OutcomeOf(job))),
            "{\"error\":{\"code\":\"INVALID_MODEL\",\"class\":\"user\",\"message\":\"the graph has a cycle\","
            "\"why\":\"the fault is at node \\\"conv1\\\"\",\"fix\":\"see the whole log: joinery jobs logs 7f\","
            "\"job_id\":\"7f\",\"request_id\":null,\"retryable\":false}}\n");
}

TEST(OutputTest, JsonDocumentsBeginWithTheSchema) {
  v1::BlobRef blob;
  blob.set_digest("d");
  blob.set_size(3);
  EXPECT_THAT(JsonDocumentOf(blob), IsOkAndHolds("{\"schema\":\"v1\",\"digest\":\"d\",\"size\":\"3\"}\n"));
  EXPECT_THAT(JsonListOf(std::vector<v1::BlobRef>{}, ""),
              IsOkAndHolds("{\"schema\":\"v1\",\"items\":[],\"next\":null}\n"));
  EXPECT_THAT(JsonListOf(std::vector{blob}, "t"),
              IsOkAndHolds("{\"schema\":\"v1\",\"items\":[{\"digest\":\"d\",\"size\":\"3\"}],\"next\":\"t\"}\n"));
}

TEST(OutputTest, SizesAndAges) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(999'999), "1.0 MB");
  EXPECT_EQ(FormatBytes(3'550'000), "3.5 MB");
  EXPECT_EQ(FormatAge(absl::Seconds(119)), "119 s ago");
  EXPECT_EQ(FormatAge(absl::Hours(49)), "2 d ago");
}

TEST(OutputTest, TheSummaryHasPrecisionSizesAndWarnings) {
  const auto report = ParseReport(R"({"manifest": {"precision": {"outputs": [
      {"name": "536", "cosine_mean": 0.98848, "cosine_min": 0.9712, "sqnr_db": 16.554}]}},
      "artifact_bytes": "3600000", "model_bytes": "14000000", "warnings": ["w"], "not_known_yet": 1})");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(FormatSummary(*report),
            "  output 536: cosine 0.9885 (least 0.9712), SQNR 16.55 dB\n"
            "  size 3.6 MB, float model 14.0 MB\n"
            "  warning: w\n");
}

TEST(NearestTest, FindsTyposOnly) {
  EXPECT_EQ(Nearest("buidl", {"build", "submit"}), "build");
  EXPECT_EQ(Nearest("frobnicate", {"build", "submit"}), "");
}

v1::Job JobIn(v1::JobState state) {
  v1::Job job;
  job.set_state(state);
  return job;
}

TEST(ExitCodeTest, EachClassHasItsOwn) {
  EXPECT_EQ(ExitCodeFor(absl::OkStatus()), ExitCode::kSuccess);
  EXPECT_EQ(ExitCodeFor(OutcomeOf(JobIn(v1::JOB_STATE_FAILED))), ExitCode::kJobFailed);
  EXPECT_EQ(ExitCodeFor(absl::InvalidArgumentError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeFor(absl::NotFoundError("")), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeFor(absl::UnauthenticatedError("")), ExitCode::kPermission);
  EXPECT_EQ(ExitCodeFor(absl::PermissionDeniedError("")), ExitCode::kPermission);
  EXPECT_EQ(ExitCodeFor(absl::UnavailableError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeFor(absl::ResourceExhaustedError("")), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeFor(absl::InternalError("")), ExitCode::kServiceFault);
  EXPECT_EQ(ExitCodeFor(absl::DataLossError("")), ExitCode::kServiceFault);
  EXPECT_EQ(ExitCodeFor(OutcomeOf(JobIn(v1::JOB_STATE_CANCELLED))), ExitCode::kJobCancelled);
  EXPECT_EQ(ExitCodeFor(WithOrigin(absl::DeadlineExceededError(""), Origin::kWaitTimedOut)), ExitCode::kWaitTimedOut);
  EXPECT_EQ(ExitCodeFor(LocalIo(absl::NotFoundError(""))), ExitCode::kLocalIo);
  EXPECT_EQ(ExitCodeFor(WithOrigin(absl::CancelledError(""), Origin::kInterrupted)), ExitCode::kInterrupted);
  EXPECT_EQ(ExitCodeFor(WithOrigin(absl::CancelledError(""), Origin::kTerminated)), ExitCode::kTerminated);
  EXPECT_EQ(ExitCodeFor(WithOrigin(absl::UnknownError(""), Origin::kReaderGone)), ExitCode::kSuccess);
}

}  // namespace
}  // namespace joinery::client
