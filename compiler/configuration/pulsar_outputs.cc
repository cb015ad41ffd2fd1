#include "compiler/configuration/pulsar_outputs.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/configuration/preprocessing.h"
#include "compiler/configuration/tensor_conf.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::RepeatedPtrField;
using ::joinery::v1::pulsar::DataType;
using ::joinery::v1::pulsar::OutputConfItem;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar::TensorConf;

constexpr absl::string_view kItemsPath = "neuwizard_conf.operator_conf.output_conf_items";

void AddName(const std::string& name, std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// Every output that is named, and last the one without a name, for all others.
absl::StatusOr<std::vector<std::string>> NamesOf(const PulsarConfiguration& source) {
  std::vector<std::string> names;
  for (const TensorConf& conf : source.dst_output_tensors()) AddName(conf.tensor_name(), names);
  for (const TensorConf& conf : source.src_output_tensors()) AddName(conf.tensor_name(), names);
  const auto& items = source.neuwizard_conf().operator_conf().output_conf_items();
  for (int i = 0; i < items.size(); ++i) {
    if (!items[i].selector().op_name_regex().empty()) {
      return absl::InvalidArgumentError(absl::StrCat(kItemsPath, "[", i,
                                                     "].selector.op_name_regex: outputs are not selected by patterns; "
                                                     "give an item with op_name for each, or one without for all"));
    }
    AddName(items[i].selector().op_name(), names);
  }
  const auto unnamed = std::find(names.begin(), names.end(), "");
  if (unnamed != names.end()) std::rotate(unnamed, unnamed + 1, names.end());
  return names;
}

absl::Status SetType(const TensorConf& deployed, v1::OutputConfiguration& output) {
  if (deployed.data_type() == DataType::DATA_TYPE_UNKNOWN || deployed.data_type() == DataType::FLOAT32) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const v1::ElementType type, ToElementType(deployed.data_type(), "dst_output_tensors.data_type"));
  output.set_element_type(type);
  if (deployed.quantization_value() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dst_output_tensors.quantization_value: ", deployed.quantization_value(), " is negative; use 1 or more"));
  }
  output.set_quantization_value(deployed.quantization_value());
  return absl::OkStatus();
}

void SetLayout(const TensorConf& source, const TensorConf& deployed, v1::OutputConfiguration& output) {
  const bool model_is_nhwc = source.tensor_layout() == TensorConf::NHWC;
  if (deployed.tensor_layout() == TensorConf::NHWC && !model_is_nhwc) {
    output.set_layout(v1::LAYOUT_NHWC);
    for (const int dimension : {0, 2, 3, 1}) output.add_permutation(dimension);
  } else if (deployed.tensor_layout() == TensorConf::NCHW && model_is_nhwc) {
    output.set_layout(v1::LAYOUT_NCHW);
    for (const int dimension : {0, 3, 1, 2}) output.add_permutation(dimension);
  }
}

absl::Status AddSteps(const PulsarConfiguration& source, const std::string& name, v1::OutputConfiguration& output) {
  const auto& items = source.neuwizard_conf().operator_conf().output_conf_items();
  for (int i = 0; i < items.size(); ++i) {
    if (!items[i].selector().op_name().empty() && items[i].selector().op_name() != name) continue;
    const auto& modifications = items[i].attributes().output_modifications();
    for (int j = 0; j < modifications.size(); ++j) {
      const std::string path = absl::StrCat(kItemsPath, "[", i, "].attributes.output_modifications[", j, "]");
      ASSIGN_OR_RETURN(*output.add_postprocessing(), ToPreprocessingStep(modifications[j], /*channels=*/0, path));
    }
  }
  return absl::OkStatus();
}

bool IsChanged(const v1::OutputConfiguration& output) {
  return !output.permutation().empty() || output.element_type() != v1::ELEMENT_TYPE_UNSPECIFIED ||
         !output.postprocessing().empty();
}

}  // namespace

absl::StatusOr<RepeatedPtrField<v1::OutputConfiguration>> TranslatePulsarOutputs(const PulsarConfiguration& source) {
  RepeatedPtrField<v1::OutputConfiguration> outputs;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesOf(source));
  for (const std::string& name : names) {
    v1::OutputConfiguration output;
    output.set_name(name);
    const TensorConf deployed = OutputTensorConf(source.dst_output_tensors(), name);
    RETURN_IF_ERROR(SetType(deployed, output));
    SetLayout(OutputTensorConf(source.src_output_tensors(), name), deployed, output);
    RETURN_IF_ERROR(AddSteps(source, name, output));
    // A named one that is as the float model has it keeps the one for all others from it.
    const bool has_one_for_all = names.back().empty() && names.size() > 1;
    if (IsChanged(output) || (has_one_for_all && !name.empty())) outputs.Add(std::move(output));
  }
  return outputs;
}

void WritePulsarOutputs(const RepeatedPtrField<v1::OutputConfiguration>& outputs, PulsarConfiguration& result) {
  result.clear_src_output_tensors();
  result.clear_dst_output_tensors();
  auto& operators = *result.mutable_neuwizard_conf()->mutable_operator_conf();
  operators.clear_output_conf_items();
  for (const v1::OutputConfiguration& output : outputs) {
    TensorConf& conf = *result.add_dst_output_tensors();
    conf.set_tensor_name(output.name());
    conf.set_data_type(output.element_type() == v1::ELEMENT_TYPE_UNSPECIFIED ? DataType::FLOAT32
                                                                             : FromElementType(output.element_type()));
    conf.set_quantization_value(static_cast<int32_t>(output.quantization_value()));
    conf.set_tensor_layout(FromLayout(output.layout()));
    if (output.layout() == v1::LAYOUT_NCHW) {
      TensorConf& model = *result.add_src_output_tensors();
      model.set_tensor_name(output.name());
      model.set_tensor_layout(TensorConf::NHWC);
    }
    if (output.postprocessing().empty()) continue;
    OutputConfItem& item = *operators.add_output_conf_items();
    item.mutable_selector()->set_op_name(output.name());
    for (const v1::PreprocessingStep& step : output.postprocessing()) {
      *item.mutable_attributes()->add_output_modifications() = FromPreprocessingStep(step);
    }
  }
}

}  // namespace joinery::compiler
