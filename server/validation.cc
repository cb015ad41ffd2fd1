#include "server/validation.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"

namespace joinery::server {
namespace {

constexpr size_t kMaxIdBytes = 128;
constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxConfigurationBytes = size_t{1} << 20;
constexpr int kMaxInputShapes = 64;
constexpr size_t kMaxInputShapeBytes = 1024;
constexpr int kMaxTargets = 64;
constexpr int kMaxTargetTexts = 8;
constexpr size_t kMaxTargetTextBytes = size_t{256} << 10;
constexpr int kMaxEvents = 1000;
constexpr int kMaxPriority = 100;
constexpr int64_t kMaxSeconds = 366 * 86'400;
constexpr int64_t kMaxCpus = 4096;
constexpr int64_t kMaxMemoryBytes = int64_t{1} << 50;
constexpr int64_t kMaxGpus = 64;
constexpr int kMaxLabels = 32;
constexpr size_t kMaxTextBytes = size_t{64} << 10;

absl::Status Invalid(absl::string_view field, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(field, " ", problem));
}

bool HasControlCharacter(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

absl::Status ValidateLength(absl::string_view field, absl::string_view text, size_t max_size) {
  if (text.size() <= max_size) return absl::OkStatus();
  return Invalid(field, absl::StrCat("has ", text.size(), " bytes, allowed are ", max_size));
}

absl::Status ValidateOptionalName(absl::string_view field, absl::string_view name, size_t max_size) {
  return name.empty() ? absl::OkStatus() : ValidateName(field, name, max_size);
}

absl::Status ValidateInputShapes(absl::string_view field,
                                 const google::protobuf::RepeatedPtrField<std::string>& shapes) {
  if (shapes.size() > kMaxInputShapes) {
    return Invalid(field, absl::StrCat("has more than ", kMaxInputShapes, " entries"));
  }
  for (const std::string& shape : shapes) RETURN_IF_ERROR(ValidateName(field, shape, kMaxInputShapeBytes));
  return absl::OkStatus();
}

absl::Status ValidateBuildSpec(const v1::BuildSpec& build) {
  RETURN_IF_ERROR(ValidateBlobRef("build.model", build.model()));
  RETURN_IF_ERROR(ValidateBlobRef("build.calibration", build.calibration()));
  RETURN_IF_ERROR(ValidateLength("build.configuration", build.configuration(), kMaxConfigurationBytes));
  RETURN_IF_ERROR(ValidateInputShapes("build.input_shapes", build.input_shapes()));
  if (!v1::Device_IsValid(build.device())) return Invalid("build.device", "is none that this server knows");
  RETURN_IF_ERROR(ValidateOptionalName("build.vendor_tool", build.vendor_tool(), kMaxIdBytes));
  RETURN_IF_ERROR(ValidateOptionalName("build.model_name", build.model_name(), kMaxNameBytes));
  RETURN_IF_ERROR(ValidateOptionalName("build.calibration_name", build.calibration_name(), kMaxNameBytes));
  return ValidateOptionalName("build.configuration_name", build.configuration_name(), kMaxNameBytes);
}

absl::Status ValidateCheckSpec(const v1::CheckSpec& check) {
  RETURN_IF_ERROR(ValidateBlobRef("check.model", check.model()));
  if (check.targets_size() > kMaxTargets) {
    return Invalid("check.targets", absl::StrCat("has more than ", kMaxTargets, " entries"));
  }
  for (const std::string& target : check.targets()) {
    RETURN_IF_ERROR(ValidateName("check.targets", target, kMaxIdBytes));
  }
  if (check.target_texts_size() > kMaxTargetTexts) {
    return Invalid("check.target_texts", absl::StrCat("has more than ", kMaxTargetTexts, " entries"));
  }
  for (const v1::TargetText& target : check.target_texts()) {
    RETURN_IF_ERROR(ValidateLength("check.target_texts.text", target.text(), kMaxTargetTextBytes));
    RETURN_IF_ERROR(ValidateOptionalName("check.target_texts.name", target.name(), kMaxNameBytes));
  }
  RETURN_IF_ERROR(ValidateInputShapes("check.input_shapes", check.input_shapes()));
  return ValidateOptionalName("check.model_name", check.model_name(), kMaxNameBytes);
}

absl::Status ValidateProgress(const v1::Progress& progress) {
  RETURN_IF_ERROR(ValidateName("progress.stage", progress.stage(), kMaxIdBytes));
  if (progress.stage_index() < 0 || progress.stage_count() < progress.stage_index()) {
    return Invalid("progress.stage_index", "is not one of stage_count");
  }
  // Written so that NaN is refused too.
  if (!(progress.fraction() >= 0 && progress.fraction() <= 1)) return Invalid("progress.fraction", "is not 0 to 1");
  return absl::OkStatus();
}

absl::Status ValidateEvent(const v1::JobEvent& event) {
  if (event.has_progress()) return ValidateProgress(event.progress());
  if (event.has_log()) return ValidateLength("log.text", event.log().text(), kMaxTextBytes);
  return Invalid("events", "may hold progress and log only");
}

// Written so that what overflows is refused too.
absl::Status ValidateDuration(absl::string_view field, const google::protobuf::Duration& duration) {
  const bool positive = duration.seconds() >= 0 && duration.nanos() >= 0 && duration.nanos() < 1'000'000'000 &&
                        (duration.seconds() > 0 || duration.nanos() > 0);
  if (positive && duration.seconds() <= kMaxSeconds) return absl::OkStatus();
  return Invalid(field, absl::StrCat("is not more than 0 s and at most ", kMaxSeconds, " s"));
}

absl::Status ValidateCount(absl::string_view field, int64_t count, int64_t max) {
  if (count >= 0 && count <= max) return absl::OkStatus();
  return Invalid(field, absl::StrCat("is ", count, ", not 0 to ", max));
}

absl::Status ValidateLabels(absl::string_view field, const google::protobuf::RepeatedPtrField<std::string>& labels) {
  if (labels.size() > kMaxLabels) return Invalid(field, absl::StrCat("has more than ", kMaxLabels, " entries"));
  for (const std::string& label : labels) RETURN_IF_ERROR(ValidateName(field, label, kMaxIdBytes));
  return absl::OkStatus();
}

absl::Status ValidateRequirements(const v1::Requirements& requirements) {
  RETURN_IF_ERROR(ValidateCount("options.requirements.cpus", requirements.cpus(), kMaxCpus));
  RETURN_IF_ERROR(ValidateCount("options.requirements.memory_bytes", requirements.memory_bytes(), kMaxMemoryBytes));
  RETURN_IF_ERROR(ValidateCount("options.requirements.gpus", requirements.gpus(), kMaxGpus));
  RETURN_IF_ERROR(
      ValidateCount("options.requirements.gpu_memory_bytes", requirements.gpu_memory_bytes(), kMaxMemoryBytes));
  return ValidateLabels("options.requirements.labels", requirements.labels());
}

}  // namespace

absl::Status ValidateDigest(absl::string_view field, const std::string& digest) {
  if (base::IsDigest(digest)) return absl::OkStatus();
  return Invalid(field, "is not a SHA-256 digest (64 lower-case hexadecimal digits)");
}

absl::Status ValidateBlobRef(absl::string_view field, const v1::BlobRef& blob) {
  RETURN_IF_ERROR(ValidateDigest(absl::StrCat(field, ".digest"), blob.digest()));
  if (blob.size() < 0) return Invalid(absl::StrCat(field, ".size"), "is negative");
  return absl::OkStatus();
}

absl::Status ValidateName(absl::string_view field, absl::string_view name, size_t max_size) {
  if (name.empty()) return Invalid(field, "is missing");
  RETURN_IF_ERROR(ValidateLength(field, name, max_size));
  if (HasControlCharacter(name)) return Invalid(field, "has a control character");
  return absl::OkStatus();
}

absl::Status ValidateId(absl::string_view field, absl::string_view id) { return ValidateName(field, id, kMaxIdBytes); }

absl::Status ValidateSpec(const v1::JobSpec& spec) {
  switch (spec.kind_case()) {
    case v1::JobSpec::kBuild:
      return ValidateBuildSpec(spec.build());
    case v1::JobSpec::kCheck:
      return ValidateCheckSpec(spec.check());
    case v1::JobSpec::KIND_NOT_SET:
      break;
  }
  return Invalid("spec", "asks for nothing this server knows; set build or check");
}

absl::Status ValidateOptions(const v1::JobOptions& options) {
  if (options.priority() < -kMaxPriority || options.priority() > kMaxPriority) {
    return Invalid("options.priority",
                   absl::StrCat("is ", options.priority(), ", not -", kMaxPriority, " to ", kMaxPriority));
  }
  if (options.has_max_attempt_duration()) {
    RETURN_IF_ERROR(ValidateDuration("options.max_attempt_duration", options.max_attempt_duration()));
  }
  if (options.has_finish_within()) {
    RETURN_IF_ERROR(ValidateDuration("options.finish_within", options.finish_within()));
  }
  return ValidateRequirements(options.requirements());
}

absl::Status ValidateCapabilities(const v1::Capabilities& capabilities) {
  RETURN_IF_ERROR(ValidateCount("capabilities.cpus", capabilities.cpus(), kMaxCpus));
  RETURN_IF_ERROR(ValidateCount("capabilities.memory_bytes", capabilities.memory_bytes(), kMaxMemoryBytes));
  RETURN_IF_ERROR(ValidateCount("capabilities.gpus", capabilities.gpus(), kMaxGpus));
  if (capabilities.gpu_devices_size() > kMaxGpus) {
    return Invalid("capabilities.gpu_devices", absl::StrCat("has more than ", kMaxGpus, " entries"));
  }
  for (const v1::Gpu& gpu : capabilities.gpu_devices()) {
    RETURN_IF_ERROR(ValidateOptionalName("capabilities.gpu_devices.name", gpu.name(), kMaxNameBytes));
    RETURN_IF_ERROR(ValidateOptionalName("capabilities.gpu_devices.architecture", gpu.architecture(), kMaxIdBytes));
  }
  return ValidateLabels("capabilities.labels", capabilities.labels());
}

absl::Status ValidateFirstEvent(int64_t first_event) {
  return first_event >= 0 ? absl::OkStatus() : Invalid("first_event", "is negative");
}

absl::Status ValidateEvents(const google::protobuf::RepeatedPtrField<v1::JobEvent>& events) {
  if (events.size() > kMaxEvents) return Invalid("events", absl::StrCat("has more than ", kMaxEvents, " entries"));
  for (const v1::JobEvent& event : events) RETURN_IF_ERROR(ValidateEvent(event));
  return absl::OkStatus();
}

absl::Status ValidateResult(const v1::JobResult& result) {
  // A check makes none.
  if (result.has_artifact()) RETURN_IF_ERROR(ValidateBlobRef("result.artifact", result.artifact()));
  RETURN_IF_ERROR(ValidateBlobRef("result.report", result.report()));
  return result.has_html_report() ? ValidateBlobRef("result.html_report", result.html_report()) : absl::OkStatus();
}

absl::Status ValidateFailure(const v1::Failure& failure) {
  if (failure.reason() == v1::FAILURE_REASON_UNSPECIFIED || !v1::FailureReason_IsValid(failure.reason())) {
    return Invalid("failure.reason", "is missing or unknown");
  }
  RETURN_IF_ERROR(ValidateLength("failure.message", failure.message(), kMaxTextBytes));
  return ValidateLength("failure.culprit", failure.culprit(), kMaxTextBytes);
}

}  // namespace joinery::server
