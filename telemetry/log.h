// The log of a program: events, one a line, on stderr.
//
//   text   2026-11-23T12:00:00.123+00:00 info job ended job_id=7f3a outcome=succeeded
//   json   {"time":"...","level":"info","program":"joinery-worker","message":"job ended","job_id":"7f3a",...}
//
// Messages are written `words key=value key="value with spaces"`; both formats come from that. Control characters are
// escaped, so whatever a value holds an event stays one line. Secrets are not to be logged; should one come by all the
// same, the values of keys such as `token` and what looks like one of our tokens are left out.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace joinery::telemetry {

enum class LogFormat { kText, kJson };

struct LogOptions {
  // Of the program.
  std::string name;
  // trace, debug, info, warn, error or off.
  std::string level = "info";
  // text or json.
  std::string format = "text";
};

// Makes spdlog's default logger write as above. Call it before there are other threads.
void SetUpLog(const LogOptions& options);

// `value` as it may stand behind `key=`: in quotes if it needs them, with escapes.
std::string LogValue(absl::string_view value);

// One line, without its end. `message` as above. For SetUpLog and its tests.
std::string FormatLogLine(LogFormat format, absl::string_view program, absl::string_view level, absl::Time time,
                          absl::string_view message);

}  // namespace joinery::telemetry
