#include "client/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/file.h"

namespace joinery::client {
namespace {

// Columns a text takes: code points, which is right for names that people give to files.
size_t Columns(absl::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string OneField(absl::string_view text) {
  std::string field = Printable(text);
  std::replace_if(
      field.begin(), field.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
  return field;
}

Colour ColourOf(absl::string_view cell) {
  if (cell == "SUCCEEDED") return Colour::kGreen;
  if (cell == "FAILED") return Colour::kRed;
  if (cell == "RUNNING" || cell == "CANCELLED") return Colour::kYellow;
  return Colour::kNone;
}

std::string TabSeparated(const Table& table) {
  std::string text;
  for (const std::vector<std::string>& row : table.rows) {
    absl::string_view separator;
    for (const std::string& cell : row) {
      absl::StrAppend(&text, separator, OneField(cell));
      separator = "\t";
    }
    text += '\n';
  }
  return text;
}

void AppendPadded(std::string& line, const std::string& cell, size_t width, Colour colour, bool enabled) {
  absl::StrAppend(&line, Paint(cell, colour, enabled), std::string(width - Columns(cell) + 2, ' '));
}

void AppendLine(std::string& text, std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  absl::StrAppend(&text, line, "\n");
}

}  // namespace

TerminalTraits DetectTerminal(const Environment& environment, bool no_color) {
  TerminalTraits traits;
  traits.out_is_terminal = isatty(STDOUT_FILENO) == 1;
  traits.err_is_terminal = isatty(STDERR_FILENO) == 1;
  const bool dumb = environment("TERM").value_or("dumb") == "dumb";
  const bool colour = !dumb && !no_color && !environment("NO_COLOR").has_value();
  traits.out_has_colour = colour && traits.out_is_terminal;
  traits.err_has_colour = colour && traits.err_is_terminal;
  traits.can_animate = traits.err_is_terminal && !dumb;
  struct winsize size {};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) traits.width = size.ws_col;
  return traits;
}

std::string Paint(absl::string_view text, Colour colour, bool enabled) {
  if (!enabled) return std::string(text);
  switch (colour) {
    case Colour::kRed:
      return absl::StrCat("\x1b[31m", text, "\x1b[0m");
    case Colour::kGreen:
      return absl::StrCat("\x1b[32m", text, "\x1b[0m");
    case Colour::kYellow:
      return absl::StrCat("\x1b[33m", text, "\x1b[0m");
    case Colour::kBold:
      return absl::StrCat("\x1b[1m", text, "\x1b[0m");
    case Colour::kNone:
      break;
  }
  return std::string(text);
}

std::string Printable(absl::string_view text) {
  std::string printable;
  printable.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) {
      absl::StrAppendFormat(&printable, "\\x%02x", byte);
    } else {
      printable += c;
    }
  }
  return printable;
}

absl::Status Console::Print(absl::string_view text) {
  absl::Status status = base::WriteAll(out_fd_, text, "stdout");
  if (status.ok()) return status;
  const bool reader_gone = errno == EPIPE;
  return reader_gone ? WithOrigin(status, Origin::kReaderGone) : LocalIo(status);
}

void Console::Note(absl::string_view text) {
  // Where should it be told that stderr is closed?
  base::WriteAll(err_fd_, text, "stderr").IgnoreError();
}

std::string FormatTable(const Table& table, bool for_people, bool colour) {
  if (!for_people) return TabSeparated(table);
  std::vector<std::vector<std::string>> rows = {table.header};
  rows.insert(rows.end(), table.rows.begin(), table.rows.end());
  std::vector<size_t> widths(table.header.size());
  for (std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = OneField(row[i]);
      widths[i] = std::max(widths[i], Columns(row[i]));
    }
  }
  std::string text;
  for (size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows[r].size(); ++i) {
      AppendPadded(line, rows[r][i], widths[i], r == 0 ? Colour::kBold : ColourOf(rows[r][i]), colour);
    }
    AppendLine(text, line);
  }
  return text;
}

const std::string& ModelName(const v1::Job& job) {
  return job.spec().has_check() ? job.spec().check().model_name() : job.spec().build().model_name();
}

std::string StateName(v1::JobState state) {
  const std::string& name = v1::JobState_Name(state);
  return name.empty() ? absl::StrCat("STATE_", static_cast<int>(state))
                      : std::string(absl::StripPrefix(name, "JOB_STATE_"));
}

std::string FormatTimestamp(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(time.seconds()), absl::UTCTimeZone());
}

std::string FormatAge(absl::Duration age) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(age));
  if (seconds < 120) return absl::StrCat(seconds, " s ago");
  if (seconds < 2 * 3600) return absl::StrCat(seconds / 60, " min ago");
  if (seconds < int64_t{48} * 3600) return absl::StrCat(seconds / 3600, " h ago");
  return absl::StrCat(seconds / 86400, " d ago");
}

std::string FormatBytes(int64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  constexpr std::array<absl::string_view, 5> kUnits = {"kB", "MB", "GB", "TB", "PB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  // What would be rounded to "1000.0 kB" is a megabyte.
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string FormatError(const ErrorReport& error, bool colour) {
  std::string text = absl::StrCat(Paint("error:", Colour::kRed, colour), " ", Printable(error.message), " (",
                                  Printable(error.code), ")\n");
  if (!error.why.empty()) absl::StrAppend(&text, "why: ", Printable(error.why), "\n");
  if (!error.fix.empty()) absl::StrAppend(&text, "fix: ", Printable(error.fix), "\n");
  if (!error.job_id.empty()) absl::StrAppend(&text, "ref: job ", Printable(error.job_id), "\n");
  if (!error.request_id.empty()) absl::StrAppend(&text, "ref: request ", Printable(error.request_id), "\n");
  return text;
}

}  // namespace joinery::client
