#include "compiler/configuration/pulsar2_outputs.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedPtrField;
using ::joinery::v1::pulsar2::BuildConfig;
using ::joinery::v1::pulsar2::DataType;
using ::joinery::v1::pulsar2::Layout;
using ::joinery::v1::pulsar2::OutputProcessor;

absl::Status Invalid(const std::string& path, absl::string_view message) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", message));
}

absl::Status SetPermutation(const OutputProcessor& processor, const std::string& path,
                            v1::OutputConfiguration& output) {
  std::set<int32_t> seen;
  for (const int32_t dimension : processor.dst_perm()) {
    if (dimension < 0 || dimension >= processor.dst_perm_size() || !seen.insert(dimension).second) {
      return Invalid(absl::StrCat(path, ".dst_perm"),
                     absl::StrCat("is no order of the dimensions 0 to ", processor.dst_perm_size() - 1));
    }
    output.add_permutation(dimension);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::OutputConfiguration> ToOutput(const OutputProcessor& processor, const std::string& path) {
  v1::OutputConfiguration output;
  if (processor.tensor_name() != "DEFAULT") output.set_name(processor.tensor_name());
  RETURN_IF_ERROR(SetPermutation(processor, path, output));
  switch (processor.output_dtype()) {
    case DataType::DATA_TYPE_UNSPECIFIED:
    case DataType::FP32:
      return output;
    case DataType::U8:
      output.set_element_type(v1::ELEMENT_TYPE_UINT8);
      return output;
    default:
      return Invalid(absl::StrCat(path, ".output_dtype"),
                     absl::StrCat(DataType::Enum_Name(processor.output_dtype()), " is not supported; use FP32 or U8"));
  }
}

bool IsChanged(const v1::OutputConfiguration& output) {
  return !output.permutation().empty() || output.element_type() != v1::ELEMENT_TYPE_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<RepeatedPtrField<v1::OutputConfiguration>> TranslatePulsar2Outputs(const BuildConfig& source) {
  RepeatedPtrField<v1::OutputConfiguration> outputs;
  v1::OutputConfiguration for_all;
  for (int i = 0; i < source.output_processors_size(); ++i) {
    ASSIGN_OR_RETURN(v1::OutputConfiguration output,
                     ToOutput(source.output_processors(i), absl::StrCat("output_processors[", i, "]")));
    if (output.name().empty()) {
      for_all = std::move(output);
    } else {
      outputs.Add(std::move(output));
    }
  }
  if (IsChanged(for_all)) outputs.Add(std::move(for_all));
  const bool has_one_for_all = !outputs.empty() && outputs.rbegin()->name().empty();
  // A named one that is as the float model has it only keeps the one for all others from it.
  const auto unneeded = std::remove_if(outputs.begin(), outputs.end(), [&](const v1::OutputConfiguration& output) {
    return !IsChanged(output) && !has_one_for_all;
  });
  outputs.erase(unneeded, outputs.end());
  return outputs;
}

void WritePulsar2Outputs(const RepeatedPtrField<v1::OutputConfiguration>& outputs, BuildConfig& result) {
  result.clear_output_processors();
  for (const v1::OutputConfiguration& output : outputs) {
    // The dialect's name for all of them.
    if (output.name() == "DEFAULT") continue;
    OutputProcessor& processor = *result.add_output_processors();
    processor.set_tensor_name(output.name().empty() ? "DEFAULT" : output.name());
    for (const int64_t dimension : output.permutation()) processor.add_dst_perm(static_cast<int32_t>(dimension));
    processor.set_output_dtype(output.element_type() == v1::ELEMENT_TYPE_UINT8 ? DataType::U8 : DataType::FP32);
  }
}

}  // namespace joinery::compiler
