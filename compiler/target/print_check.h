// What a check found, for people and for pipelines: tables, JSON, exit codes. Knows no ONNX.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/check.pb.h"

namespace joinery::compiler {

// Exit codes of `check`, besides 0 and those of failures.
inline constexpr int kExitNeedsCpu = 11;
inline constexpr int kExitImpossible = 12;

// The worst of all models and targets: FITS is best, IMPOSSIBLE worst. FITS if there is nothing to judge.
v1::CheckVerdict WorstVerdict(const v1::CheckReport& report);

// 0, with or without a tail on the CPU, or one of the above.
int ExitCodeOf(const v1::CheckReport& report);

// For each model and target the verdict and a row for each operator that is not simply on the NPU; if there are several
// of them, a table of all verdicts at the end. Characters that could steer a terminal are replaced.
std::string FormatCheck(const v1::CheckReport& report);

// Names as in the .proto.
std::string CheckToJson(const v1::CheckReport& report);

// Fields that this version does not know are passed over. Errors: kDataLoss.
absl::StatusOr<v1::CheckReport> ParseCheck(absl::string_view json);

}  // namespace joinery::compiler
