// How far the work is, on stderr: a bar that moves on a terminal, now and then a line elsewhere.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/output.h"

namespace joinery::client {

enum class ProgressMode { kBar, kPlain, kJson, kNone };

// "auto", "plain", "json" or "none"; auto is the bar if stderr can show one, else plain. kInvalidArgument for others.
absl::StatusOr<ProgressMode> ParseProgressMode(absl::string_view name, const TerminalTraits& traits);

// What is going on.
struct ProgressState {
  std::string stage = {};   // A change of it is always told: "uploading m.onnx", "calibrate".
  std::string detail = {};  // After the stage: "3/7", "2 ahead".
  double fraction = -1;     // 0 to 1; negative if unknown.
  int64_t total_bytes = 0;  // Of a transfer; else 0.
};

// Not thread-safe.
class ProgressDisplay {
 public:
  ProgressDisplay(ProgressMode mode, Console& console, const base::Clock& clock)
      : mode_(mode), console_(console), clock_(clock) {}
  ~ProgressDisplay() { Clear(); }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  // May be called as often as there is news; what is shown of it depends on the mode.
  void Update(const ProgressState& state);

  // A line of its own on stderr, above the bar. Not in mode kJson.
  void Note(absl::string_view line);

  // Takes the bar away: something else is about to be printed.
  void Clear();

 private:
  void ShowBar(const ProgressState& state, bool new_stage);
  std::string TransferDetail(const ProgressState& state) const;

  ProgressMode mode_;
  Console& console_;
  const base::Clock& clock_;
  std::string stage_;
  std::string detail_;
  absl::Time stage_begin_;
  absl::Time last_shown_ = absl::InfinitePast();
  bool bar_is_visible_ = false;
};

}  // namespace joinery::client
