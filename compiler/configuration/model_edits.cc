#include "compiler/configuration/model_edits.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar2::BuildConfig;
using ::joinery::v1::pulsar2::ConstProcessor;

absl::Status Invalid(const std::string& path, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", message));
}

absl::Status CheckConstant(const ConstProcessor& processor, const std::string& path) {
  if (processor.name().empty()) return Invalid(path + ".name", "is missing; name a constant of the model");
  if (!processor.data_path().empty()) {
    return Invalid(path + ".data_path", "files are read by `joineryc build` alone; write the numbers as data");
  }
  if (processor.data().empty()) return Invalid(path + ".data", "is missing; give data or data_path");
  if (processor.data_size() > kMaxConstantValues) {
    return Invalid(path + ".data", absl::StrCat("has ", processor.data_size(), " numbers, and at most ",
                                                kMaxConstantValues, " are taken; change the ONNX model itself"));
  }
  for (int i = 0; i < processor.data_size(); ++i) {
    if (!std::isfinite(processor.data(i))) return Invalid(absl::StrCat(path, ".data[", i, "]"), "is not finite");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::ModelEdits> ModelEditsOfPulsar2(const BuildConfig& source) {
  v1::ModelEdits edits;
  for (int i = 0; i < source.const_processors_size(); ++i) {
    RETURN_IF_ERROR(CheckConstant(source.const_processors(i), absl::StrCat("const_processors[", i, "]")));
    v1::ModelEdits::Constant& constant = *edits.add_constants();
    constant.set_name(source.const_processors(i).name());
    *constant.mutable_values() = source.const_processors(i).data();
  }
  for (int i = 0; i < source.op_processors_size(); ++i) {
    const v1::pulsar2::OpProcessor& processor = source.op_processors(i);
    if (processor.op_name().empty()) {
      return Invalid(absl::StrCat("op_processors[", i, "].op_name"), "is missing; name a node of the model");
    }
    // In the order of their names: a map has none.
    std::vector<std::string> names;
    for (const auto& [name, value] : processor.attrs()) names.push_back(name);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      v1::ModelEdits::Attribute& attribute = *edits.add_attributes();
      attribute.set_node(processor.op_name());
      attribute.set_name(name);
      attribute.set_value(processor.attrs().at(name));
    }
  }
  return edits;
}

absl::Status ReadConstant(absl::string_view bytes, ConstProcessor& processor) {
  const std::string path = processor.data_path();
  processor.clear_data();
  if (absl::EndsWithIgnoreCase(path, ".bin")) {
    if (bytes.size() % sizeof(float) != 0)
      return Invalid(path, "is no array of 32-bit floats: its size is no multiple of 4");
    for (size_t i = 0; i < bytes.size(); i += sizeof(float)) {
      float value = 0;
      std::memcpy(&value, bytes.data() + i, sizeof(float));
      if (!std::isfinite(value)) return Invalid(path, absl::StrCat("number ", i / sizeof(float), " is not finite"));
      processor.add_data(value);
    }
  } else if (absl::EndsWithIgnoreCase(path, ".txt")) {
    for (const absl::string_view word : absl::StrSplit(bytes, absl::ByAnyChar(" ,;\t\r\n"), absl::SkipEmpty())) {
      double value = 0;
      if (!absl::SimpleAtod(word, &value) || !std::isfinite(value)) {
        return Invalid(path, absl::StrCat("\"", word.substr(0, 40), "\" is no number"));
      }
      processor.add_data(value);
    }
  } else {
    return Invalid(path, "is neither .bin, .npy nor .txt");
  }
  processor.clear_data_path();
  return absl::OkStatus();
}

}  // namespace joinery::compiler
