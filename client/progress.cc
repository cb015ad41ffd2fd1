#include "client/progress.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/json.h"

namespace joinery::client {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(10);
constexpr absl::Duration kBetweenFrames = absl::Milliseconds(100);
constexpr char kClearLine[] = "\r\x1b[K";

std::string Percent(double fraction) {
  return fraction < 0 ? "" : absl::StrFormat("%d %%", static_cast<int>(std::clamp(fraction, 0.0, 1.0) * 100));
}

std::string Bar(double fraction, int columns) {
  const int filled = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * columns);
  return absl::StrCat("[", std::string(static_cast<size_t>(filled), '#'),
                      std::string(static_cast<size_t>(columns - filled), '.'), "]");
}

void AppendWord(std::string& line, absl::string_view word) {
  if (!word.empty()) absl::StrAppend(&line, line.empty() ? "" : " ", word);
}

std::string JsonLine(const ProgressState& state) {
  return JsonObject({{"schema", "\"v1\""},
                     {"stage", JsonString(state.stage)},
                     {"detail", JsonString(state.detail)},
                     {"fraction", state.fraction < 0 ? "null" : absl::StrFormat("%.4f", state.fraction)}}) +
         "\n";
}

}  // namespace

absl::StatusOr<ProgressMode> ParseProgressMode(absl::string_view name, const TerminalTraits& traits) {
  if (name == "auto") return traits.can_animate ? ProgressMode::kBar : ProgressMode::kPlain;
  if (name == "plain") return ProgressMode::kPlain;
  if (name == "json") return ProgressMode::kJson;
  if (name == "none") return ProgressMode::kNone;
  return absl::InvalidArgumentError(absl::StrCat("--progress is auto, plain, json or none, not \"", name, "\""));
}

std::string ProgressDisplay::TransferDetail(const ProgressState& state) const {
  if (state.total_bytes <= 0 || state.fraction < 0) return "";
  const double done = state.fraction * static_cast<double>(state.total_bytes);
  const double seconds = absl::ToDoubleSeconds(clock_.Now() - stage_begin_);
  std::string detail = absl::StrCat(FormatBytes(static_cast<int64_t>(done)), " of ", FormatBytes(state.total_bytes));
  // The first moments say nothing about the rate.
  if (seconds < 0.5 || done <= 0) return detail;
  absl::StrAppend(&detail, ", ", FormatBytes(static_cast<int64_t>(done / seconds)), "/s");
  const double left = (static_cast<double>(state.total_bytes) - done) / (done / seconds);
  return absl::StrFormat("%s, %d s left", detail, static_cast<int64_t>(left) + 1);
}

void ProgressDisplay::ShowBar(const ProgressState& state, bool new_stage) {
  const absl::Time now = clock_.Now();
  if (!new_stage && state.detail == detail_ && now - last_shown_ < kBetweenFrames) return;
  last_shown_ = now;
  detail_ = state.detail;
  std::string line;
  constexpr int kBarColumns = 20;
  if (state.fraction >= 0 && console_.traits().width >= 60) line = Bar(state.fraction, kBarColumns);
  AppendWord(line, Percent(state.fraction));
  AppendWord(line, Printable(state.stage));
  AppendWord(line, Printable(state.detail));
  AppendWord(line, TransferDetail(state));
  // A line that wraps could not be taken back.
  line.resize(std::min(line.size(), static_cast<size_t>(std::max(1, console_.traits().width - 1))));
  console_.Note(absl::StrCat(kClearLine, line));
  bar_is_visible_ = true;
}

void ProgressDisplay::Update(const ProgressState& state) {
  if (mode_ == ProgressMode::kNone) return;
  const bool new_stage = state.stage != stage_;
  if (new_stage) {
    stage_ = state.stage;
    stage_begin_ = clock_.Now();
  }
  if (mode_ == ProgressMode::kBar) return ShowBar(state, new_stage);
  if (!new_stage && clock_.Now() - last_shown_ < kBetweenLines) return;
  last_shown_ = clock_.Now();
  if (mode_ == ProgressMode::kJson) return console_.Note(JsonLine(state));
  std::string line = Printable(state.stage);
  AppendWord(line, Printable(state.detail));
  // The beginning of a stage is no news about its progress.
  if (state.fraction > 0) AppendWord(line, Percent(state.fraction));
  console_.Note(absl::StrCat(line, "\n"));
}

void ProgressDisplay::Note(absl::string_view line) {
  if (mode_ == ProgressMode::kJson) return;
  Clear();
  console_.Note(absl::StrCat(Printable(line), "\n"));
}

void ProgressDisplay::Clear() {
  if (!bar_is_visible_) return;
  console_.Note(kClearLine);
  bar_is_visible_ = false;
}

}  // namespace joinery::client
