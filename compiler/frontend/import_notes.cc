#include "compiler/frontend/import_notes.h"

#include "absl/strings/str_cat.h"

namespace joinery::compiler {

void ImportNotes::Add(const std::string& what, const std::string& of) {
  for (Entry& entry : entries_) {
    if (entry.what != what) continue;
    ++entry.count;
    return;
  }
  entries_.push_back({what, of, 1});
}

std::vector<std::string> ImportNotes::Lines() const {
  std::vector<std::string> lines;
  lines.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    const std::string others = entry.count > 1 ? absl::StrCat(" and ", entry.count - 1, " more") : "";
    lines.push_back(absl::StrCat("the model's own quantization: \"", entry.of, "\"", others, ": ", entry.what));
  }
  return lines;
}

}  // namespace joinery::compiler
