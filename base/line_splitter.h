// Cuts a stream of bytes into lines without ever holding more than one line's limit.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace joinery::base {

// Not thread-safe.
class LineSplitter {
 public:
  // Calls `take` with each line, without its '\n' and valid during the call only. A line of more than `max_bytes` is
  // not kept: `take` gets its first `max_bytes` bytes with `whole` false.
  using TakeLine = std::function<void(absl::string_view line, bool whole)>;
  LineSplitter(size_t max_bytes, TakeLine take) : max_bytes_(max_bytes), take_(std::move(take)) {}

  void Add(absl::string_view bytes);

  // The stream is over: what stands after the last '\n', if anything, is a line too.
  void Finish();

 private:
  void Append(absl::string_view bytes);
  void EndLine();

  const size_t max_bytes_;
  const TakeLine take_;
  std::string line_;
  bool whole_ = true;
};

}  // namespace joinery::base
