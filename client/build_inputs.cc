#include "client/build_inputs.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"
#include "client/output.h"
#include "client/pack.h"
#include "compiler/configuration/configuration.h"

namespace joinery::client {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxConfigurationSize = 4 << 20;

absl::StatusOr<std::string> CalibrationPathOf(const compiler::Configuration& configuration, const std::string& path) {
  ASSIGN_OR_RETURN(const compiler::ConfiguredFiles files, compiler::FilesOf(configuration));
  if (!files.input_calibration.empty()) {
    return WithFix(absl::InvalidArgumentError(absl::StrCat(path, " names a calibration set for each input")),
                   "make one archive or folder that has a folder with the name of each input, and name it with "
                   "--calibration");
  }
  if (files.calibration.empty()) {
    return WithFix(absl::InvalidArgumentError(
                       absl::StrCat(path,
                                    " names no calibration set (neuwizard_conf.dataset_conf_calibration.path or "
                                    "quant.input_configs.calibration_dataset)")),
                   "name a folder or a .tar file with --calibration");
  }
  // As pulsar2 does it; pulsar's paths begin at the configuration.
  std::error_code ignored;
  const bool is_pulsar2 = std::holds_alternative<v1::pulsar2::BuildConfig>(configuration);
  if (is_pulsar2 && fs::exists(files.calibration, ignored)) return files.calibration;
  return (fs::path(path).parent_path() / files.calibration).lexically_normal().string();
}

absl::Status IdentifyOne(const BlobSource& source, v1::BlobRef& blob, const Interruption& interruption,
                         ProgressDisplay& progress) {
  progress.Update({.stage = absl::StrCat("reading ", source.name())});
  ASSIGN_OR_RETURN(blob, Identify(source, [&](absl::string_view /*piece*/) {
                     progress.Update({.stage = absl::StrCat("reading ", source.name())});
                     return interruption.Check();
                   }));
  return absl::OkStatus();
}

absl::Status SendOne(const BlobSource& source, const v1::BlobRef& blob, bool is_missing, Session& session,
                     ProgressDisplay& progress) {
  if (!is_missing) {
    progress.Update({.stage = absl::StrCat(source.name(), " is on the server already"),
                     .detail = absl::StrCat("(", FormatBytes(blob.size()), " saved)")});
    return absl::OkStatus();
  }
  const std::string stage = absl::StrCat("uploading ", source.name());
  progress.Update({.stage = stage, .detail = "", .fraction = 0, .total_bytes = blob.size()});
  return session.Upload(source, blob, [&](int64_t done, int64_t total) {
    progress.Update({.stage = stage,
                     .detail = "",
                     .fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1,
                     .total_bytes = total});
  });
}

}  // namespace

absl::Status CheckShape(const std::string& shape) {
  // Names of tensors may have colons in them.
  const size_t colon = shape.rfind(':');
  const std::string dimensions = colon == std::string::npos ? shape : shape.substr(colon + 1);
  for (const absl::string_view dimension : absl::StrSplit(dimensions, 'x')) {
    int64_t size = 0;
    if (!absl::SimpleAtoi(dimension, &size) || size < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("--input-shape ", shape, " is not like NAME:1x3x224x224 or 1x3x224x224"));
    }
  }
  return absl::OkStatus();
}

std::string BaseName(const std::string& path) {
  // A folder may be given with a slash at its end.
  const fs::path normal = fs::path(path).lexically_normal();
  return normal.has_filename() ? normal.filename().string() : normal.parent_path().filename().string();
}

absl::StatusOr<std::string> CalibrationPath(const std::string& text, const std::string& path) {
  ASSIGN_OR_RETURN(const compiler::Configuration configuration, compiler::ParseConfiguration(text, path));
  return CalibrationPathOf(configuration, path);
}

absl::StatusOr<BuildInputs> OpenBuildInputs(const BuildArguments& arguments) {
  for (const std::string& shape : arguments.input_shapes) RETURN_IF_ERROR(CheckShape(shape));
  const absl::StatusOr<std::string> text = base::ReadFile(arguments.config, kMaxConfigurationSize);
  if (!text.ok()) return LocalIo(text.status());
  // Parsed in any case: a mistake in it is better told now than after the upload.
  ASSIGN_OR_RETURN(compiler::Configuration configuration, compiler::ParseConfiguration(*text, arguments.config));
  const compiler::Configuration written = configuration;
  RETURN_IF_ERROR(compiler::ApplyOverrides(arguments.quantization, configuration));
  std::string calibration = arguments.calibration;
  if (calibration.empty()) {
    ASSIGN_OR_RETURN(calibration, CalibrationPathOf(configuration, arguments.config));
  }
  BuildInputs inputs;
  inputs.model = std::make_unique<FileSource>(arguments.model);
  ASSIGN_OR_RETURN(inputs.calibration, OpenCalibration(calibration));
  // The text itself, with its comments, unless an option changes it.
  const bool is_changed = compiler::WriteConfiguration(configuration) != compiler::WriteConfiguration(written);
  inputs.spec.set_configuration(is_changed ? compiler::WriteConfiguration(configuration) : *text);
  for (const std::string& shape : arguments.input_shapes) inputs.spec.add_input_shapes(shape);
  inputs.spec.set_device(arguments.device);
  if (arguments.vendor_binary) {
    inputs.spec.set_vendor_tool(std::holds_alternative<v1::pulsar2::BuildConfig>(configuration) ? "pulsar2" : "pulsar");
  }
  inputs.spec.set_model_name(BaseName(arguments.model));
  inputs.spec.set_calibration_name(BaseName(calibration));
  inputs.spec.set_configuration_name(BaseName(arguments.config));
  return inputs;
}

absl::Status UploadBuildInputs(BuildInputs& inputs, Session& session, const Interruption& interruption,
                               ProgressDisplay& progress) {
  v1::BlobRef& model = *inputs.spec.mutable_model();
  v1::BlobRef& calibration = *inputs.spec.mutable_calibration();
  RETURN_IF_ERROR(IdentifyOne(*inputs.model, model, interruption, progress));
  RETURN_IF_ERROR(IdentifyOne(*inputs.calibration, calibration, interruption, progress));
  ASSIGN_OR_RETURN(const std::set<std::string> missing, session.FindMissing({model.digest(), calibration.digest()}));
  RETURN_IF_ERROR(SendOne(*inputs.model, model, missing.count(model.digest()) > 0, session, progress));
  return SendOne(*inputs.calibration, calibration, missing.count(calibration.digest()) > 0, session, progress);
}

absl::Status UploadOne(const BlobSource& source, v1::BlobRef& blob, Session& session, const Interruption& interruption,
                       ProgressDisplay& progress) {
  RETURN_IF_ERROR(IdentifyOne(source, blob, interruption, progress));
  ASSIGN_OR_RETURN(const std::set<std::string> missing, session.FindMissing({blob.digest()}));
  return SendOne(source, blob, !missing.empty(), session, progress);
}

}  // namespace joinery::client
