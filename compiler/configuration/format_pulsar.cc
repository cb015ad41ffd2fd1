#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/configuration/joinery_conf.h"
#include "compiler/configuration/preprocessing.h"
#include "compiler/configuration/pulsar_fields.h"
#include "compiler/configuration/pulsar_outputs.h"
#include "compiler/configuration/pulsar_prototxt.h"
#include "compiler/configuration/tensor_conf.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::TextFormat;
using ::google::protobuf::util::MessageDifferencer;
using ::joinery::v1::pulsar::DatasetConf;
using ::joinery::v1::pulsar::DataType;
using ::joinery::v1::pulsar::InputConfItem;
using ::joinery::v1::pulsar::PulsarConf;
using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar::TensorConf;

using Outputs = google::protobuf::RepeatedPtrField<v1::OutputConfiguration>;

void WriteTarget(const v1::Target& target, PulsarConfiguration& result) {
  PulsarConf& conf = *result.mutable_pulsar_conf();
  PulsarConf::VirtualNpu ax630 = PulsarConf::VIRTUAL_NPU_MODE_AUTO;
  PulsarConf::Ax620VirtualNpu ax620 = PulsarConf::AX620_VIRTUAL_NPU_MODE_AUTO;
  auto hardware = PulsarConfiguration::TARGET_HARDWARE_UNSPECIFIED;
  if (target.hardware() == "AX630") {
    hardware = PulsarConfiguration::TARGET_HARDWARE_AX630;
    PulsarConf::VirtualNpu_Parse(absl::StrCat("VIRTUAL_NPU_MODE_", target.virtual_npu()), &ax630);
  } else if (target.hardware() == "AX620") {
    hardware = PulsarConfiguration::TARGET_HARDWARE_AX620;
    PulsarConf::Ax620VirtualNpu_Parse(absl::StrCat("AX620_VIRTUAL_NPU_MODE_", target.virtual_npu()), &ax620);
  }
  result.set_target_hardware(hardware);
  conf.set_virtual_npu(ax630);
  conf.set_ax620_virtual_npu(ax620);
}

// One conf for each input instead of all that are about several or under the older name.
void WriteTensorConfs(const PulsarConfiguration& source, const v1::InputConfiguration& input,
                      PulsarConfiguration& result) {
  TensorConf& model = *result.add_src_input_tensors();
  model = SourceTensorConf(source, input.name());
  model.set_color_space(FromColorSpace(input.model_color_space()));
  model.set_tensor_layout(FromLayout(input.model_layout()));
  TensorConf& deployed = *result.add_dst_input_tensors();
  deployed = DeployedTensorConf(source, input.name());
  deployed.set_color_space(FromColorSpace(input.color_space()));
  deployed.set_tensor_layout(FromLayout(input.layout()));
  deployed.set_data_type(FromElementType(input.element_type()));
  // It is among the steps now.
  deployed.clear_quantization_value();
  deployed.set_color_standard(FromYuvStandard(input.yuv_standard()));
}

InputConfItem MakeItem(const v1::InputConfiguration& input) {
  InputConfItem item;
  item.mutable_selector()->set_op_name(input.name());
  item.mutable_attributes()->set_type(FromElementType(input.element_type()));
  for (const v1::PreprocessingStep& step : input.preprocessing()) {
    *item.mutable_attributes()->add_input_modifications() = FromPreprocessingStep(step);
  }
  return item;
}

void WriteInputs(const PulsarConfiguration& source, const v1::BuildConfiguration& configuration,
                 PulsarConfiguration& result) {
  result.clear_input_tensors();
  result.clear_output_tensors();
  result.clear_src_input_tensors();
  result.clear_dst_input_tensors();
  auto& operators = *result.mutable_neuwizard_conf()->mutable_operator_conf();
  operators.clear_input_conf_items();
  for (const v1::InputConfiguration& input : configuration.inputs()) {
    WriteTensorConfs(source, input, result);
    *operators.add_input_conf_items() = MakeItem(input);
  }
}

void WriteCalibration(const v1::Calibration& calibration, PulsarConfiguration& result) {
  DatasetConf& dataset = *result.mutable_neuwizard_conf()->mutable_dataset_conf_calibration();
  dataset.set_size(calibration.max_samples());
  dataset.set_observer_method(calibration.range_method() == v1::RANGE_METHOD_MIN_MAX
                                  ? DatasetConf::OBSVR_METHOD_MIN_MAX
                                  : DatasetConf::OBSVR_METHOD_MSE_CLIPPING);
  dataset.set_calibration_strategy(calibration.weight_granularity() == v1::WEIGHT_GRANULARITY_PER_TENSOR
                                       ? DatasetConf::CALIB_STRATEGY_PER_TENSOR
                                       : DatasetConf::CALIB_STRATEGY_PER_CHANNEL);
}

void WriteBatch(const v1::Batch& batch, PulsarConf& result) {
  if (batch.sizes().empty()) return;
  *result.mutable_batch_size() = batch.sizes();
  result.set_batch_size_option(batch.is_dynamic() ? PulsarConf::BSO_DYNAMIC : PulsarConf::BSO_STATIC);
}

// Protobuf's text form, except that fields that matter are written out even where they have their default, which
// protobuf's own printer never does.
class Printer {
 public:
  void PrintMessage(const Message& message, const std::string& path, const std::string& indent) {
    const auto* descriptor = message.GetDescriptor();
    for (int i = 0; i < descriptor->field_count(); ++i) {
      PrintField(message, *descriptor->field(i), absl::StrCat(path, descriptor->field(i)->name()), indent);
    }
  }

  std::string TakeText() { return std::move(text_); }

 private:
  void PrintField(const Message& message, const FieldDescriptor& field, const std::string& path,
                  const std::string& indent) {
    const auto* reflection = message.GetReflection();
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return PrintScalars(message, field, path, indent);
    if (!field.is_repeated()) {
      if (reflection->HasField(message, &field))
        PrintBlock(reflection->GetMessage(message, &field), field, path, indent);
      return;
    }
    for (int i = 0; i < reflection->FieldSize(message, &field); ++i) {
      PrintBlock(reflection->GetRepeatedMessage(message, &field, i), field, path, indent);
    }
  }

  void PrintBlock(const Message& block, const FieldDescriptor& field, const std::string& path,
                  const std::string& indent) {
    absl::StrAppend(&text_, indent, field.name(), " {\n");
    PrintMessage(block, path + ".", indent + "  ");
    absl::StrAppend(&text_, indent, "}\n");
  }

  void PrintScalars(const Message& message, const FieldDescriptor& field, const std::string& path,
                    const std::string& indent) {
    const auto* reflection = message.GetReflection();
    if (!field.is_repeated()) {
      const bool say_default = IsActedOn(path) && field.cpp_type() != FieldDescriptor::CPPTYPE_STRING;
      if (!reflection->HasField(message, &field) && !say_default) return;
      absl::StrAppend(&text_, indent, field.name(), ": ", Value(message, field, -1), "\n");
      return;
    }
    const int count = reflection->FieldSize(message, &field);
    if (count == 0) return;
    absl::StrAppend(&text_, indent, field.name(), ": ", count == 1 ? "" : "[");
    for (int i = 0; i < count; ++i) absl::StrAppend(&text_, i == 0 ? "" : ", ", Value(message, field, i));
    absl::StrAppend(&text_, count == 1 ? "\n" : "]\n");
  }

  static std::string Value(const Message& message, const FieldDescriptor& field, int index) {
    std::string value;
    TextFormat::PrintFieldValueToString(message, &field, index, &value);
    return value;
  }

  std::string text_;
};

// What is said of all outputs reaches those, too, of which something else is said: where that would change them,
// Joinery's own block says it.
void WriteOutputs(const Outputs& outputs, PulsarConfiguration& result) {
  WritePulsarOutputs(outputs, result);
  const absl::StatusOr<Outputs> read = TranslatePulsarOutputs(result);
  const bool is_same = read.ok() && std::equal(read->begin(), read->end(), outputs.begin(), outputs.end(),
                                               [](const Message& left, const Message& right) {
                                                 return MessageDifferencer::Equals(left, right);
                                               });
  if (is_same) return;
  WritePulsarOutputs({}, result);
  *result.mutable_joinery_conf()->mutable_deployment()->mutable_outputs() = outputs;
}

}  // namespace

PulsarConfiguration CompletePulsar(const PulsarConfiguration& source, const v1::BuildConfiguration& configuration) {
  PulsarConfiguration result = source;
  WriteTarget(configuration.target(), result);
  WriteInputs(source, configuration, result);
  WriteOutputs(configuration.outputs(), result);
  WriteCalibration(configuration.calibration(), result);
  WriteBatch(configuration.batch(), *result.mutable_pulsar_conf());
  WriteJoineryConf(configuration, *result.mutable_joinery_conf());
  return result;
}

std::string PrintPulsar(const PulsarConfiguration& configuration) {
  Printer printer;
  printer.PrintMessage(configuration, "", "");
  return printer.TakeText();
}

std::string FormatPulsar(const PulsarConfiguration& source, const v1::BuildConfiguration& configuration) {
  return PrintPulsar(CompletePulsar(source, configuration));
}

}  // namespace joinery::compiler
