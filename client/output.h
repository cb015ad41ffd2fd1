// What is written where: data to stdout, everything else to stderr; tables and colours for people only.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/config_file.h"
#include "client/error.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::client {

// What the two streams can show.
struct TerminalTraits {
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  bool out_has_colour = false;
  bool err_has_colour = false;
  bool can_animate = false;  // stderr is a terminal that can go back to the start of a line.
  int width = 80;            // Of stderr's terminal, in columns.
};

// Looks at descriptors 1 and 2, TERM, NO_COLOR and --no-color.
TerminalTraits DetectTerminal(const Environment& environment, bool no_color);

enum class Colour { kNone, kRed, kGreen, kYellow, kBold };
std::string Paint(absl::string_view text, Colour colour, bool enabled);

// `text` with control characters, other than line feed and tab, made visible: what a server or file says must not
// steer the terminal.
std::string Printable(absl::string_view text);

// Not thread-safe.
class Console {
 public:
  explicit Console(const TerminalTraits& traits, int out_fd = 1, int err_fd = 2)
      : traits_(traits), out_fd_(out_fd), err_fd_(err_fd) {}

  const TerminalTraits& traits() const { return traits_; }

  // To stdout, at once. Origin::kReaderGone if nobody reads it any more, else kLocalIo.
  absl::Status Print(absl::string_view text);

  // To stderr. That nobody listens there stops nothing.
  void Note(absl::string_view text);

 private:
  TerminalTraits traits_;
  int out_fd_;
  int err_fd_;
};

// Columns that line up under a header for people; else lines of fields with tabs between them and no header, in which
// tabs and line feeds within a field have become spaces.
struct Table {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;
};
std::string FormatTable(const Table& table, bool for_people, bool colour);

// "QUEUED", "RUNNING", ...
std::string StateName(v1::JobState state);

// What the user called the model that the job is about.
const std::string& ModelName(const v1::Job& job);

// RFC 3339, in UTC; empty if unset (zero).
std::string FormatTimestamp(const google::protobuf::Timestamp& time);
// "12 s ago", "3 min ago", "2 h ago", "5 d ago".
std::string FormatAge(absl::Duration age);
// "3.6 MB"; decimal units.
std::string FormatBytes(int64_t bytes);

// `error: WHAT (code)`, then `why:`, `fix:` and `ref:` lines where known.
std::string FormatError(const ErrorReport& error, bool colour);

}  // namespace joinery::client
