#include "client/build_inputs.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

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
#include "joinery/v1/pulsar.pb.h"

namespace joinery::client {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxConfigurationSize = 4 << 20;

// Keeps the first mistake: those after it are often its consequences.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (!message_.empty()) return;
    line_ = std::max(line, 0);
    column_ = std::max(column, 0);
    message_ = message;
  }

  absl::Status status(const std::string& text, const std::string& path) const {
    if (message_.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": cannot be parsed"));
    const auto [line, column] = Position(absl::StrSplit(text, '\n'));
    return absl::InvalidArgumentError(absl::StrCat(path, ":", line + 1, ":", column + 1, ": ", message_));
  }

 private:
  // The name that is unknown; empty if the mistake is another.
  std::string UnknownName() const {
    const std::vector<std::string> pieces = absl::StrSplit(message_, '"');
    if (absl::StrContains(message_, "has no field named") && pieces.size() > 3) return pieces[3];
    if (absl::StrContains(message_, "Unknown enumeration value") && pieces.size() > 1) return pieces[1];
    return "";
  }

  // Protobuf notices an unknown name only when it has read on: back to where the name stands.
  std::pair<int, int> Position(const std::vector<std::string>& lines) const {
    const std::string name = UnknownName();
    for (int line = std::min(line_, static_cast<int>(lines.size()) - 1); !name.empty() && line >= 0; --line) {
      const size_t column = lines[static_cast<size_t>(line)].rfind(
          name, line == line_ ? static_cast<size_t>(column_) : std::string::npos);
      if (column != std::string::npos) return {line, static_cast<int>(column)};
    }
    return {line_, column_};
  }

  int line_ = 0;
  int column_ = 0;
  std::string message_;
};

absl::StatusOr<v1::pulsar::PulsarConfiguration> ParseConfiguration(const std::string& text, const std::string& path) {
  v1::pulsar::PulsarConfiguration configuration;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(text, &configuration)) return error.status(text, path);
  return configuration;
}

absl::StatusOr<std::string> CalibrationPathOf(const v1::pulsar::PulsarConfiguration& configuration,
                                              const std::string& path) {
  const std::string& dataset = configuration.neuwizard_conf().dataset_conf_calibration().path();
  if (dataset.empty()) {
    return WithFix(absl::InvalidArgumentError(
                       absl::StrCat(path, " names no calibration set (neuwizard_conf.dataset_conf_calibration.path)")),
                   "name a folder or a .tar file with --calibration");
  }
  return (fs::path(path).parent_path() / dataset).lexically_normal().string();
}

// "NAME:1x3x224x224" or "1x3x224x224".
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

absl::Status IdentifyOne(const BlobSource& source, v1::BlobRef& blob, const Interruption& interruption,
                         ProgressDisplay& progress) {
  progress.Update({.stage = absl::StrCat("reading ", source.name())});
  ASSIGN_OR_RETURN(blob, Identify(source, [&](absl::string_view /*piece*/) {
                     progress.Update({.stage = absl::StrCat("reading ", source.name())});
                     return interruption.Check();
                   }));
  return absl::OkStatus();
}

absl::Status UploadOne(const BlobSource& source, const v1::BlobRef& blob, bool is_missing, Session& session,
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

absl::StatusOr<std::string> CalibrationPath(const std::string& text, const std::string& path) {
  ASSIGN_OR_RETURN(const v1::pulsar::PulsarConfiguration configuration, ParseConfiguration(text, path));
  return CalibrationPathOf(configuration, path);
}

absl::StatusOr<BuildInputs> OpenBuildInputs(const BuildArguments& arguments) {
  for (const std::string& shape : arguments.input_shapes) RETURN_IF_ERROR(CheckShape(shape));
  const absl::StatusOr<std::string> text = base::ReadFile(arguments.config, kMaxConfigurationSize);
  if (!text.ok()) return LocalIo(text.status());
  // Parsed in any case: a mistake in it is better told now than after the upload.
  ASSIGN_OR_RETURN(const v1::pulsar::PulsarConfiguration configuration, ParseConfiguration(*text, arguments.config));
  std::string calibration = arguments.calibration;
  if (calibration.empty()) {
    ASSIGN_OR_RETURN(calibration, CalibrationPathOf(configuration, arguments.config));
  }
  BuildInputs inputs;
  inputs.model = std::make_unique<FileSource>(arguments.model);
  ASSIGN_OR_RETURN(inputs.calibration, OpenCalibration(calibration));
  inputs.spec.set_configuration(*text);
  for (const std::string& shape : arguments.input_shapes) inputs.spec.add_input_shapes(shape);
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
  RETURN_IF_ERROR(UploadOne(*inputs.model, model, missing.count(model.digest()) > 0, session, progress));
  return UploadOne(*inputs.calibration, calibration, missing.count(calibration.digest()) > 0, session, progress);
}

}  // namespace joinery::client
