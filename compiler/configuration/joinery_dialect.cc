#include "compiler/configuration/joinery_dialect.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>

#include "compiler/configuration/preprocessing.h"
#include "compiler/configuration/tensor_conf.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar::PulsarConfiguration;

// What of an input the dialect of `pulsar build` can say, so that nothing is chosen for it and its steps are checked.
void LowerInput(const v1::InputConfiguration& input, PulsarConfiguration& result) {
  v1::pulsar::TensorConf& model = *result.add_src_input_tensors();
  model.set_tensor_name(input.name());
  model.set_color_space(FromColorSpace(input.model_color_space()));
  model.set_tensor_layout(FromLayout(input.model_layout()));
  v1::pulsar::TensorConf& deployed = *result.add_dst_input_tensors();
  deployed.set_tensor_name(input.name());
  deployed.set_color_space(FromColorSpace(input.color_space()));
  deployed.set_tensor_layout(FromLayout(input.layout()));
  deployed.set_data_type(FromElementType(input.element_type()));
  deployed.set_color_standard(FromYuvStandard(input.yuv_standard()));
  if (input.preprocessing().empty()) return;
  auto& item = *result.mutable_neuwizard_conf()->mutable_operator_conf()->add_input_conf_items();
  item.mutable_selector()->set_op_name(input.name());
  for (const v1::PreprocessingStep& step : input.preprocessing()) {
    *item.mutable_attributes()->add_input_modifications() = FromPreprocessingStep(step);
  }
}

bool IsAlone(const std::string& name) {
  return v1::JoineryConfiguration::descriptor()->FindFieldByName(name) != nullptr &&
         PulsarConfiguration::descriptor()->FindFieldByName(name) == nullptr &&
         v1::pulsar2::BuildConfig::descriptor()->FindFieldByName(name) == nullptr;
}

}  // namespace

bool HasJoineryField(const std::vector<std::string>& names) { return std::any_of(names.begin(), names.end(), IsAlone); }

PulsarConfiguration LowerJoinery(const v1::JoineryConfiguration& source) {
  PulsarConfiguration result;
  *result.mutable_joinery_conf() = source.joinery_conf();
  *result.mutable_joinery_conf()->mutable_deployment() = source.deployment();
  for (const v1::InputConfiguration& input : source.deployment().inputs()) LowerInput(input, result);
  result.set_input_path(source.model());
  result.set_output_path(source.output());
  auto& dataset = *result.mutable_neuwizard_conf()->mutable_dataset_conf_calibration();
  dataset.set_path(source.calibration());
  for (const auto& set : source.input_calibration()) {
    auto& item = *dataset.add_dataset_conf_items();
    item.mutable_selector()->set_op_name(set.input());
    item.set_path(set.path());
  }
  return result;
}

v1::JoineryConfiguration ToJoinery(const v1::BuildConfiguration& configuration) {
  v1::JoineryConfiguration result;
  v1::Deployment& deployment = *result.mutable_deployment();
  *deployment.mutable_target() = configuration.target();
  *deployment.mutable_inputs() = configuration.inputs();
  for (v1::InputConfiguration& input : *deployment.mutable_inputs()) {
    // The model tells them.
    input.clear_model_shape();
    input.clear_model_element_type();
  }
  *deployment.mutable_outputs() = configuration.outputs();
  if (configuration.has_batch()) *deployment.mutable_batch() = configuration.batch();
  if (configuration.has_edits()) *deployment.mutable_edits() = configuration.edits();
  deployment.mutable_calibration()->set_max_samples(configuration.calibration().max_samples());
  deployment.mutable_calibration()->set_weight_granularity(configuration.calibration().weight_granularity());
  return result;
}

}  // namespace joinery::compiler
