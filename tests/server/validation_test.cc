#include "server/validation.h"

#include <cmath>
#include <functional>
#include <string>

#include "base/digest.h"
#include "tests/testing/status_matchers.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

v1::JobSpec GoodSpec() {
  v1::JobSpec spec;
  spec.mutable_build()->mutable_model()->set_digest(base::Sha256("m"));
  spec.mutable_build()->mutable_calibration()->set_digest(base::Sha256("c"));
  spec.mutable_build()->set_model_name("Modell \xC3\xA4.onnx");
  return spec;
}

TEST(ValidationTest, WrongSpecsAreRefusedByField) {
  EXPECT_THAT(ValidateSpec(GoodSpec()), IsOk());
  const struct {
    std::function<void(v1::BuildSpec&)> spoil;
    const char* message;
  } cases[] = {
      {[](v1::BuildSpec& build) { build.clear_model(); }, "build.model.digest"},
      {[](v1::BuildSpec& build) { build.mutable_calibration()->set_digest("abc"); }, "build.calibration.digest"},
      {[](v1::BuildSpec& build) { build.mutable_model()->set_size(-1); }, "build.model.size is negative"},
      {[](v1::BuildSpec& build) { build.set_configuration(std::string((1 << 20) + 1, ' ')); }, "build.configuration"},
      {[](v1::BuildSpec& build) {
         for (int i = 0; i < 65; ++i) build.add_input_shapes("1x3");
       },
       "build.input_shapes"},
      {[](v1::BuildSpec& build) { build.add_input_shapes(""); }, "build.input_shapes"},
      {[](v1::BuildSpec& build) { build.set_model_name(std::string(257, 'x')); }, "build.model_name has 257 bytes"},
      {[](v1::BuildSpec& build) { build.set_model_name("\x1b[2J"); }, "build.model_name has a control character"},
      {[](v1::BuildSpec& build) { build.set_configuration_name("a\nb"); }, "build.configuration_name"},
      {[](v1::BuildSpec& build) { build.set_vendor_tool("pulsar2\n"); }, "build.vendor_tool"},
  };
  for (const auto& c : cases) {
    v1::JobSpec spec = GoodSpec();
    c.spoil(*spec.mutable_build());
    EXPECT_THAT(ValidateSpec(spec), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
  EXPECT_THAT(ValidateSpec(v1::JobSpec()), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("build")));
}

TEST(ValidationTest, WrongChecksAreRefusedByField) {
  v1::JobSpec good;
  good.mutable_check()->mutable_model()->set_digest(base::Sha256("m"));
  good.mutable_check()->add_targets("AX630C");
  good.mutable_check()->add_target_texts()->set_text("name: \"MINE\"");
  EXPECT_THAT(ValidateSpec(good), IsOk());
  const struct {
    std::function<void(v1::CheckSpec&)> spoil;
    const char* message;
  } cases[] = {
      {[](v1::CheckSpec& check) { check.clear_model(); }, "check.model.digest"},
      {[](v1::CheckSpec& check) { check.set_targets(0, "a\nb"); }, "check.targets has a control character"},
      {[](v1::CheckSpec& check) {
         for (int i = 0; i < 64; ++i) check.add_targets("X");
       },
       "check.targets has more than 64"},
      {[](v1::CheckSpec& check) {
         for (int i = 0; i < 8; ++i) check.add_target_texts();
       },
       "check.target_texts has more than 8"},
      {[](v1::CheckSpec& check) { check.mutable_target_texts(0)->set_text(std::string((256 << 10) + 1, ' ')); },
       "check.target_texts.text"},
      {[](v1::CheckSpec& check) { check.mutable_target_texts(0)->set_name("\x1b"); }, "check.target_texts.name"},
      {[](v1::CheckSpec& check) { check.add_input_shapes(""); }, "check.input_shapes"},
      {[](v1::CheckSpec& check) { check.set_model_name(std::string(257, 'x')); }, "check.model_name"},
  };
  for (const auto& c : cases) {
    v1::JobSpec spec = good;
    c.spoil(*spec.mutable_check());
    EXPECT_THAT(ValidateSpec(spec), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(c.message)));
  }
}

TEST(ValidationTest, AResultNeedsAReportButNoArtifact) {
  v1::JobResult result;
  EXPECT_THAT(ValidateResult(result), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("result.report")));
  result.mutable_report()->set_digest(base::Sha256("r"));
  EXPECT_THAT(ValidateResult(result), IsOk());
  result.mutable_artifact()->set_digest("short");
  EXPECT_THAT(ValidateResult(result), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("result.artifact")));
}

TEST(ValidationTest, WorkersMayTellProgressAndLogOnly) {
  google::protobuf::RepeatedPtrField<v1::JobEvent> events;
  events.Add()->mutable_log()->set_text("text\n");
  events.Add()->mutable_progress()->set_stage("calibrate");
  EXPECT_THAT(ValidateEvents(events), IsOk());
  for (const double fraction : {-0.1, 1.1, std::nan("")}) {
    events[1].mutable_progress()->set_fraction(fraction);
    EXPECT_THAT(ValidateEvents(events), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("fraction")));
  }
  events[1].mutable_job();
  EXPECT_THAT(ValidateEvents(events), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("progress and log only")));
  events[1].mutable_log()->set_text(std::string(70'000, 'x'));
  EXPECT_THAT(ValidateEvents(events), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("log.text")));
  events.Clear();
  for (int i = 0; i < 1001; ++i) events.Add()->mutable_log();
  EXPECT_THAT(ValidateEvents(events), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1000")));
}

TEST(ValidationTest, AFailureHasAReason) {
  v1::Failure failure;
  EXPECT_THAT(ValidateFailure(failure), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("failure.reason")));
  failure.set_reason(static_cast<v1::FailureReason>(77));
  EXPECT_THAT(ValidateFailure(failure), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("failure.reason")));
  failure.set_reason(v1::FAILURE_REASON_TIMED_OUT);
  EXPECT_THAT(ValidateFailure(failure), IsOk());
}

TEST(ValidationTest, IdsAndNamesAreNeitherEmptyNorLong) {
  EXPECT_THAT(ValidateId("id", std::string(128, 'x')), IsOk());
  EXPECT_THAT(ValidateId("id", std::string(129, 'x')), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("id")));
  EXPECT_THAT(ValidateId("id", ""), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("id is missing")));
}

}  // namespace
}  // namespace joinery::server
