// Messages of the log, taken apart: `words key=value key="value with \"quotes\""`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace joinery::telemetry {

struct LogMessage {
  // All words that belong to no field, in their order.
  std::string words;
  std::vector<std::pair<std::string, std::string>> fields;
};

// Never fails: what is no field is words. Secrets are gone, see log.h.
LogMessage ParseLogMessage(absl::string_view text);

}  // namespace joinery::telemetry
