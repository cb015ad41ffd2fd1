#include "worker/display_names.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr size_t kMaxNameBytes = 256;

bool IsPartOfName(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-'; }

}  // namespace

std::string TargetFile(int index) { return absl::StrCat("target", index, ".textproto"); }

DisplayNames::DisplayNames(const v1::BuildSpec& spec) {
  Add(kModelFile, spec.model_name());
  Add(kCalibrationFile, spec.calibration_name());
  Add(kConfigurationFile, spec.configuration_name());
}

DisplayNames::DisplayNames(const v1::CheckSpec& spec) {
  Add(kModelFile, spec.model_name());
  for (int i = 0; i < spec.target_texts_size(); ++i) Add(TargetFile(i), spec.target_texts(i).name());
}

void DisplayNames::Add(const std::string& file, const std::string& name) {
  if (!name.empty()) names_.emplace_back(file, CleanText(name, kMaxNameBytes));
}

std::string DisplayNames::Translate(absl::string_view text) const {
  std::string translated;
  char before = ' ';
  while (!text.empty()) {
    bool found = false;
    if (!IsPartOfName(before) && before != '.' && before != '/') {
      for (const auto& [file, name] : names_) {
        if (!absl::StartsWith(text, file)) continue;
        if (text.size() > file.size() && IsPartOfName(text[file.size()])) continue;
        absl::StrAppend(&translated, name);
        text.remove_prefix(file.size());
        before = file.back();
        found = true;
        break;
      }
    }
    if (found) continue;
    before = text[0];
    translated.push_back(before);
    text.remove_prefix(1);
  }
  return translated;
}

}  // namespace joinery::worker
