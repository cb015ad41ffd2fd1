#include "server/call_limit.h"

#include <memory>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

TEST(CallLimitTest, AUserHasOnlySoManyAndOthersStillHaveTheirs) {
  CallLimit limit("uploads", 3, 2);
  ASSERT_OK_AND_ASSIGN(auto first, limit.Enter("ada"));
  ASSERT_OK_AND_ASSIGN(const auto second, limit.Enter("ada"));
  EXPECT_THAT(limit.Enter("ada"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("ada has 2 uploads open")));
  ASSERT_OK_AND_ASSIGN(const auto third, limit.Enter("bob"));
  EXPECT_THAT(limit.Enter("cleo"), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("3 uploads open, its most")));
  first.reset();
  EXPECT_THAT(limit.Enter("cleo"), IsOk());
  EXPECT_THAT(limit.Enter("ada"), IsOk());
}

}  // namespace
}  // namespace joinery::server
