// IsOk, IsOkAndHolds, StatusIs: what a test expects of an absl::Status or absl::StatusOr.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace joinery::testing {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).ok();
}

MATCHER_P2(StatusIs, code, message, "") {
  *result_listener << GetStatus(arg).ToString();
  return GetStatus(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(GetStatus(arg).message()), result_listener);
}

MATCHER_P(IsOkAndHolds, value, "") {
  if (!arg.ok()) {
    *result_listener << arg.status().ToString();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

}  // namespace joinery::testing

#define JOINERY_TEST_JOIN(left, right) JOINERY_TEST_JOIN_EXPANDED(left, right)
#define JOINERY_TEST_JOIN_EXPANDED(left, right) left##right

// Assigns the value of an absl::StatusOr, or fails the test.
#define ASSERT_OK_AND_ASSIGN(target, expression)                                                           \
  auto JOINERY_TEST_JOIN(result_, __LINE__) = (expression);                                                \
  ASSERT_TRUE(JOINERY_TEST_JOIN(result_, __LINE__).ok()) << JOINERY_TEST_JOIN(result_, __LINE__).status(); \
  target = std::move(JOINERY_TEST_JOIN(result_, __LINE__)).value()
