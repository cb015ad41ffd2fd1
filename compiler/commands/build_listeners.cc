#include "compiler/commands/build_listeners.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "compiler/backend/joint_file.h"
#include "joinery/v1/compiler_event.pb.h"

namespace joinery::compiler {
namespace {

constexpr double kSmallestStep = 0.01;

void WriteEvent(int fd, const v1::CompilerEvent& event) {
  // Whoever listens may be gone; the build does not depend on it.
  (void)base::WriteAll(fd, absl::StrCat(ToJson(event, /*pretty=*/false), "\n"), "the event stream");
}

}  // namespace

void ConsoleListener::OnProgress(const v1::Progress& progress) {
  const std::string line =
      absl::StrFormat("[%d/%d] %s", progress.stage_index(), progress.stage_count(), progress.stage());
  if (progress.stage() != stage_) {
    stage_ = progress.stage();
    ClearProgress();
    if (!is_terminal_) std::cerr << line << "\n";
  }
  if (!is_terminal_) return;
  if (progress.fraction() >= 1) {
    ClearProgress();
    std::cerr << line << "\n";
    return;
  }
  std::cerr << "\r" << line << absl::StrFormat(" %3.0f %%", 100 * progress.fraction()) << std::flush;
  has_progress_ = true;
}

void ConsoleListener::OnLog(v1::LogLevel level, absl::string_view text) {
  ClearProgress();
  std::cerr << (level == v1::LOG_LEVEL_WARNING ? "warning: " : "  ") << std::string(text) << "\n";
}

void ConsoleListener::ClearProgress() {
  if (has_progress_) std::cerr << "\r\x1b[K";
  has_progress_ = false;
}

void EventWriter::OnProgress(const v1::Progress& progress) {
  if (progress.stage_index() == written_.stage_index() && progress.fraction() < 1 &&
      progress.fraction() < written_.fraction() + kSmallestStep) {
    return;
  }
  written_ = progress;
  v1::CompilerEvent event;
  *event.mutable_progress() = progress;
  WriteEvent(fd_, event);
}

void EventWriter::OnLog(v1::LogLevel level, absl::string_view text) {
  v1::CompilerEvent event;
  event.mutable_log()->set_level(level);
  event.mutable_log()->set_text(std::string(text));
  WriteEvent(fd_, event);
}

void EventWriter::OnFailure(const v1::Failure& failure) {
  v1::CompilerEvent event;
  *event.mutable_failure() = failure;
  WriteEvent(fd_, event);
}

}  // namespace joinery::compiler
