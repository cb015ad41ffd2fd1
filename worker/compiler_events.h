// Reads what the compiler tells on its events descriptor (joinery/v1/compiler_event.proto): one message a line, JSON.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "base/line_splitter.h"
#include "joinery/v1/jobs.pb.h"
#include "worker/display_names.h"
#include "worker/event_queue.h"
#include "worker/stage_times.h"

namespace joinery::worker {

// Progress and log lines go to `queue`, with the names people gave their files. The compiler is not trusted: a line of
// more than 64 KiB, or one that is no event, is left out with a warning (the first ten times), fields not known are
// ignored, and text is cleaned. Not thread-safe.
class CompilerEvents {
 public:
  // All must outlive this object.
  CompilerEvents(EventQueue& queue, const DisplayNames& names, StageTimes& stages);

  // The next bytes of the stream.
  void Add(absl::string_view bytes) { splitter_.Add(bytes); }

  // The stream is over.
  void Finish() { splitter_.Finish(); }

  // The failure the compiler told, if it did; the last if there were several. Its reason is never UNSPECIFIED.
  const std::optional<v1::Failure>& failure() const { return failure_; }

 private:
  void TakeLine(absl::string_view line, bool whole);
  void TakeFailure(const v1::Failure& failure);
  void Warn(absl::string_view what);

  EventQueue& queue_;
  const DisplayNames& names_;
  StageTimes& stages_;
  base::LineSplitter splitter_;
  std::optional<v1::Failure> failure_;
  int warnings_ = 0;
};

}  // namespace joinery::worker
