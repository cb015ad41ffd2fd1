#include "compiler/configuration/preprocessing.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <regex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedField;
using ::joinery::v1::pulsar::AffinePreprocess;
using ::joinery::v1::pulsar::InputNormalization;
using ::joinery::v1::pulsar::Modification;
using ::joinery::v1::pulsar::Selector;

constexpr size_t kMaxRegexSize = 256;

absl::Status NoInput(absl::string_view what, absl::string_view path, const std::vector<std::string>& names) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": the model has no input ", what, "; its inputs are ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::vector<bool>> SelectByRegex(const std::string& pattern, const std::vector<std::string>& names,
                                                absl::string_view path) {
  if (pattern.size() > kMaxRegexSize) {
    return absl::InvalidArgumentError(absl::StrCat(path, ".op_name_regex: longer than ", kMaxRegexSize, " bytes"));
  }
  std::vector<bool> selected;
  selected.reserve(names.size());
  try {
    // Polynomial: matching in time bounded by the lengths, where backtracking could take for ever.
    const std::regex regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
    for (const std::string& name : names) selected.push_back(std::regex_match(name, regex));
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ".op_name_regex: \"", pattern, "\" is no regular expression: ", error.what()));
  }
  return selected;
}

struct Values {
  const RepeatedField<float>& list;
  absl::string_view name;
  float missing;
  bool divides;
};

absl::Status CheckValues(const Values& values, int64_t channels, absl::string_view path) {
  const std::string field = absl::StrCat(path, values.name);
  if (values.list.size() > 1 && values.list.size() != channels) {
    std::string expected = "1, as the input is no picture (a selector says which input is meant)";
    if (channels == 1) expected = "1";
    if (channels > 1) expected = absl::StrCat("1 or ", channels, ", one for each channel");
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": has ", values.list.size(), " values; expected ", expected));
  }
  for (int i = 0; i < values.list.size(); ++i) {
    if (!std::isfinite(values.list[i])) {
      return absl::InvalidArgumentError(absl::StrCat(field, "[", i, "]: ", values.list[i], " is no finite number"));
    }
    if (values.divides && values.list[i] == 0) {
      return absl::InvalidArgumentError(absl::StrCat(field, "[", i, "]: is 0, and cannot be divided by"));
    }
  }
  return absl::OkStatus();
}

double ValueAt(const Values& values, int channel) {
  if (values.list.empty()) return values.missing;
  return values.list[values.list.size() == 1 ? 0 : channel];
}

absl::Status Divide(const Values& dividend, const Values& divisor, int64_t channels, absl::string_view path,
                    RepeatedField<float>& quotient) {
  RETURN_IF_ERROR(CheckValues(dividend, channels, path));
  RETURN_IF_ERROR(CheckValues(divisor, channels, path));
  const int count = std::max({1, dividend.list.size(), divisor.list.size()});
  quotient.Reserve(count);
  for (int i = 0; i < count; ++i) {
    const auto value = static_cast<float>(ValueAt(dividend, i) / ValueAt(divisor, i));
    if (!std::isfinite(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, dividend.name, " / ", divisor.name, ": is too large for a float"));
    }
    quotient.Add(value);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::PreprocessingStep> ToAffine(const AffinePreprocess& affine, int64_t channels,
                                               absl::string_view path) {
  v1::PreprocessingStep step;
  RETURN_IF_ERROR(Divide({affine.slope(), "slope", 1, false}, {affine.slope_divisor(), "slope_divisor", 1, true},
                         channels, path, *step.mutable_affine()->mutable_scale()));
  RETURN_IF_ERROR(Divide({affine.bias(), "bias", 0, false}, {affine.bias_divisor(), "bias_divisor", 1, true}, channels,
                         path, *step.mutable_affine()->mutable_bias()));
  return step;
}

}  // namespace

absl::StatusOr<std::vector<bool>> SelectInputs(const Selector& selector, const std::vector<std::string>& names,
                                               absl::string_view path) {
  if (!selector.op_name().empty() && !selector.op_name_regex().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": has both op_name and op_name_regex; give one of them"));
  }
  if (!selector.op_name_regex().empty()) {
    ASSIGN_OR_RETURN(std::vector<bool> selected, SelectByRegex(selector.op_name_regex(), names, path));
    if (std::count(selected.begin(), selected.end(), true) > 0) return selected;
    return NoInput(absl::StrCat("that matches \"", selector.op_name_regex(), "\""),
                   absl::StrCat(path, ".op_name_regex"), names);
  }
  if (selector.op_name().empty()) return std::vector<bool>(names.size(), true);
  std::vector<bool> selected;
  selected.reserve(names.size());
  for (const std::string& name : names) selected.push_back(name == selector.op_name());
  if (std::count(selected.begin(), selected.end(), true) > 0) return selected;
  return NoInput(absl::StrCat("\"", selector.op_name(), "\""), absl::StrCat(path, ".op_name"), names);
}

absl::StatusOr<v1::PreprocessingStep> ToNormalization(const RepeatedField<float>& mean, const RepeatedField<float>& std,
                                                      int64_t channels, absl::string_view path) {
  RETURN_IF_ERROR(CheckValues({mean, "mean", 0, false}, channels, path));
  RETURN_IF_ERROR(CheckValues({std, "std", 1, true}, channels, path));
  v1::PreprocessingStep step;
  *step.mutable_normalization()->mutable_mean() = mean;
  *step.mutable_normalization()->mutable_std() = std;
  if (mean.empty()) step.mutable_normalization()->add_mean(0);
  if (std.empty()) step.mutable_normalization()->add_std(1);
  return step;
}

absl::StatusOr<v1::PreprocessingStep> ToPreprocessingStep(const Modification& modification, int64_t channels,
                                                          absl::string_view path) {
  if (modification.has_affine_preprocess() && modification.has_input_normalization()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": has two steps, whose order is open; give each an input_modifications block of its own"));
  }
  if (modification.has_affine_preprocess()) {
    return ToAffine(modification.affine_preprocess(), channels, absl::StrCat(path, ".affine_preprocess."));
  }
  if (modification.has_input_normalization()) {
    const InputNormalization& normalization = modification.input_normalization();
    return ToNormalization(normalization.mean(), normalization.std(), channels,
                           absl::StrCat(path, ".input_normalization."));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": is empty; give it affine_preprocess or input_normalization, or remove it"));
}

Modification FromPreprocessingStep(const v1::PreprocessingStep& step) {
  Modification modification;
  if (step.has_affine()) {
    AffinePreprocess& affine = *modification.mutable_affine_preprocess();
    *affine.mutable_slope() = step.affine().scale();
    affine.add_slope_divisor(1);
    *affine.mutable_bias() = step.affine().bias();
    affine.add_bias_divisor(1);
  } else {
    *modification.mutable_input_normalization()->mutable_mean() = step.normalization().mean();
    *modification.mutable_input_normalization()->mutable_std() = step.normalization().std();
  }
  return modification;
}

}  // namespace joinery::compiler
