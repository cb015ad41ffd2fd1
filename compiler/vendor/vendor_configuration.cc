#include "compiler/vendor/vendor_configuration.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/vendor/vendor_tool.h"

namespace joinery::compiler {
namespace {

using ::joinery::v1::pulsar::PulsarConfiguration;
using ::joinery::v1::pulsar2::BuildConfig;

void SetCalibration(const v1::BuildConfiguration& used, const std::vector<std::string>& files,
                    PulsarConfiguration& configuration) {
  auto& dataset = *configuration.mutable_neuwizard_conf()->mutable_dataset_conf_calibration();
  dataset.clear_dataset_conf_items();
  if (files.size() == 1) return;
  dataset.clear_path();
  for (size_t i = 0; i < files.size(); ++i) {
    auto& item = *dataset.add_dataset_conf_items();
    item.mutable_selector()->set_op_name(used.inputs(static_cast<int>(i)).name());
    item.set_path(files[i]);
  }
}

// There is one for each input, in their order.
void SetCalibration(const v1::BuildConfiguration& /*used*/, const std::vector<std::string>& files,
                    BuildConfig& configuration) {
  auto& inputs = *configuration.mutable_quant()->mutable_input_configs();
  for (int i = 0; i < inputs.size() && i < static_cast<int>(files.size()); ++i) {
    inputs.at(i).set_calibration_dataset(files[static_cast<size_t>(i)]);
  }
}

}  // namespace

std::string ToolOf(const Configuration& source) {
  return std::holds_alternative<BuildConfig>(source) ? "pulsar2" : "pulsar";
}

std::string HardwareOf(const v1::BuildConfiguration& configuration) {
  return absl::StrCat(configuration.target().hardware(), " ", configuration.target().virtual_npu());
}

absl::StatusOr<std::string> WriteVendorConfiguration(const Configuration& source,
                                                     const v1::BuildConfiguration& configuration,
                                                     const std::vector<std::string>& calibration_files) {
  const VendorDialect& dialect = DialectOf(ToolOf(source));
  const absl::StatusOr<Configuration> complete =
      ParseConfiguration(FormatConfiguration(source, configuration), dialect.configuration_file);
  if (!complete.ok()) {
    return absl::InternalError(
        absl::StrCat("the configuration cannot be written for the vendor's tool: ", complete.status().message()));
  }
  Configuration result = *complete;
  const bool has_deployment =
      std::visit([](const auto& vendors) { return vendors.joinery_conf().has_deployment(); }, result);
  if (has_deployment) {
    return absl::InvalidArgumentError(
        "joinery_conf.deployment: the vendor's tool does not read it and would make another binary; say it in the "
        "dialect's own words, or do without the vendor's binary");
  }
  SetFiles({.model = kVendorModel,
            .output = absl::StrCat(kVendorOutput, "/", dialect.binary_file),
            .calibration = calibration_files.front(),
            .input_calibration = {},
            .input_shapes = {}},
           result);
  std::visit(
      [&](auto& vendors) {
        vendors.clear_joinery_conf();
        SetCalibration(configuration, calibration_files, vendors);
      },
      result);
  return WriteConfiguration(result);
}

}  // namespace joinery::compiler
