#include "base/status.h"

#include <cerrno>

#include "absl/strings/cord.h"
#include "tests/testing/status_matchers.h"

namespace joinery::base {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;

TEST(StatusTest, AnnotateKeepsCodeAndPayload) {
  absl::Status status = absl::InvalidArgumentError("scale is 0");
  status.SetPayload("type", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "conv1");
  EXPECT_THAT(annotated, StatusIs(absl::StatusCode::kInvalidArgument, "conv1: scale is 0"));
  EXPECT_EQ(annotated.GetPayload("type"), absl::Cord("payload"));
  EXPECT_THAT(Annotate(absl::OkStatus(), "conv1"), IsOk());
}

TEST(StatusTest, NoRoomIsResourceExhausted) {
  EXPECT_THAT(ErrnoStatus(ENOSPC, "f"), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("f")));
  EXPECT_THAT(ErrnoStatus(EDQUOT, "f"), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("f")));
}

TEST(StatusTest, OnlyWhatMayPassByItselfIsRetriable) {
  EXPECT_TRUE(IsRetriable(absl::UnavailableError("")));
  EXPECT_FALSE(IsRetriable(absl::InvalidArgumentError("")));
  EXPECT_FALSE(IsRetriable(absl::OkStatus()));
}

}  // namespace
}  // namespace joinery::base
