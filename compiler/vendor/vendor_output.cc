#include "compiler/vendor/vendor_output.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace joinery::compiler {
namespace {

struct KnownError {
  absl::string_view text;
  // What follows the sentence is the line itself.
  const char* sentence;
  bool is_memory = false;
};

// From reports of the tools' users.
constexpr std::array kKnownErrors = {
    KnownError{"dont support onnx.", "it does not support an operator of the model"},
    KnownError{"has no attribute 'onnx.", "it does not support an operator of the model"},
    KnownError{"ocm alloc", "a layer does not fit the NPU's on-chip memory; use a larger NPU mode or a smaller input"},
    KnownError{"TileFailException", "it found no way to cut a layer for the NPU; use a smaller input"},
    KnownError{"killed by SIGKILL", "it ran out of memory", true},
    KnownError{"MemoryError", "it ran out of memory", true},
    KnownError{"ZeroDivisionError", "the calibration set does not fit the input's type"},
};

bool TellsOfError(absl::string_view line) {
  return absl::StrContains(line, "Error") || absl::StrContains(line, "Exception") ||
         absl::StrContains(line, "error:") || absl::StrContains(line, "ERROR") || absl::StrContains(line, "FATAL") ||
         absl::StrContains(line, "CRITICAL") || absl::StrContains(line, "killed by");
}

}  // namespace

v1::LogLevel LevelOf(absl::string_view line) {
  // "2024-01-01 00:00:00.000 | WARNING | module:function:1 - text", "WRN [neuwizard] text"
  if (absl::StrContains(line, "| WARNING") || absl::StartsWith(line, "WRN ")) return v1::LOG_LEVEL_WARNING;
  if (absl::StrContains(line, "| INFO") || absl::StrContains(line, "| DEBUG")) return v1::LOG_LEVEL_INFO;
  return TellsOfError(line) ? v1::LOG_LEVEL_ERROR : v1::LOG_LEVEL_INFO;
}

Problem ProblemIn(const std::deque<std::string>& lines) {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    for (const KnownError& known : kKnownErrors) {
      if (absl::StrContains(*line, known.text))
        return {absl::StrCat(known.sentence, " (", *line, ")"), known.is_memory};
    }
  }
  const auto error = std::find_if(lines.rbegin(), lines.rend(),
                                  [](const std::string& line) { return LevelOf(line) == v1::LOG_LEVEL_ERROR; });
  if (error != lines.rend()) return {*error};
  return {lines.empty() ? "" : lines.back()};
}

std::string VersionIn(const std::deque<std::string>& lines) {
  const auto value = [](absl::string_view line, absl::string_view name) {
    absl::ConsumePrefix(&line, name);
    return absl::StripAsciiWhitespace(line);
  };
  if (lines.empty()) return "";
  const absl::string_view version = value(lines[0], "version:");
  if (lines.size() == 1) return std::string(version);
  return absl::StrCat(version, " (commit ", value(lines[1], "commit:"), ")");
}

}  // namespace joinery::compiler
