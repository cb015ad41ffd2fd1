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

DisplayNames::DisplayNames(const v1::BuildSpec& spec) {
  const auto add = [this](const char* file, const std::string& name) {
    if (!name.empty()) names_.emplace_back(file, CleanText(name, kMaxNameBytes));
  };
  add(kModelFile, spec.model_name());
  add(kCalibrationFile, spec.calibration_name());
  add(kConfigurationFile, spec.configuration_name());
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
