#include "base/line_splitter.h"

#include <algorithm>

namespace joinery::base {

void LineSplitter::Add(absl::string_view bytes) {
  while (true) {
    const size_t end = bytes.find('\n');
    Append(bytes.substr(0, end));
    if (end == absl::string_view::npos) return;
    EndLine();
    bytes.remove_prefix(end + 1);
  }
}

void LineSplitter::Finish() {
  if (!line_.empty()) EndLine();
}

void LineSplitter::Append(absl::string_view bytes) {
  const size_t room = max_bytes_ - line_.size();
  if (bytes.size() > room) whole_ = false;
  line_.append(bytes.data(), std::min(bytes.size(), room));
}

void LineSplitter::EndLine() {
  take_(line_, whole_);
  line_.clear();
  whole_ = true;
}

}  // namespace joinery::base
