// What the vendor's tools print, as far as it matters. Thread-safe.
#pragma once

#include <deque>
#include <string>

#include "absl/strings/string_view.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::compiler {

// How a line is to be shown: by the level that the tool itself gives it, else by what it says.
v1::LogLevel LevelOf(absl::string_view line);

struct Problem {
  // Empty if the tool printed nothing.
  std::string text;
  bool is_memory = false;
};

// Why a tool failed, from the last lines it printed: what is known of its errors in our words, else the last line that
// tells of one, else the last line.
Problem ProblemIn(const std::deque<std::string>& lines);

// "4.0 (commit 64a0e58f)" of "version: 4.0" and "commit: 64a0e58f", or of two lines with the values alone.
std::string VersionIn(const std::deque<std::string>& lines);

}  // namespace joinery::compiler
