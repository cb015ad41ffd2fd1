// The few lines of a report that people want to see first.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::client {

// From its JSON. Fields this version does not know are passed over: an older client must read a newer report.
absl::StatusOr<v1::Report> ParseReport(absl::string_view json);

// For each output cosine and SQNR; sizes; warnings. Every line ends with a line feed.
std::string FormatSummary(const v1::Report& report);

}  // namespace joinery::client
