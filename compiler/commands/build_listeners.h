// Who hears how a build goes: a person at a terminal, or the program that started joineryc.
#pragma once

#include <string>

#include "compiler/build.h"

namespace joinery::compiler {

// Writes to standard error: a line for each stage and each log line; on a terminal also how far a stage is.
class ConsoleListener : public BuildListener {
 public:
  // `is_terminal`: standard error is one, and progress may be redrawn in place.
  explicit ConsoleListener(bool is_terminal) : is_terminal_(is_terminal) {}

  void OnProgress(const v1::Progress& progress) override;
  void OnLog(v1::LogLevel level, absl::string_view text) override;

 private:
  void ClearProgress();

  bool is_terminal_;
  bool has_progress_ = false;
  std::string stage_;
};

// Writes joinery.v1.CompilerEvent messages as JSON, one a line, to a file descriptor that it does not own. Progress of
// a stage is written when it has moved by a hundredth.
class EventWriter : public BuildListener {
 public:
  explicit EventWriter(int fd) : fd_(fd) {}

  void OnProgress(const v1::Progress& progress) override;
  void OnLog(v1::LogLevel level, absl::string_view text) override;
  void OnFailure(const v1::Failure& failure);

 private:
  int fd_;
  v1::Progress written_;
};

}  // namespace joinery::compiler
