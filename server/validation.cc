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
constexpr int kMaxEvents = 1000;
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

absl::Status ValidateBuildSpec(const v1::BuildSpec& build) {
  RETURN_IF_ERROR(ValidateBlobRef("build.model", build.model()));
  RETURN_IF_ERROR(ValidateBlobRef("build.calibration", build.calibration()));
  RETURN_IF_ERROR(ValidateLength("build.configuration", build.configuration(), kMaxConfigurationBytes));
  if (build.input_shapes_size() > kMaxInputShapes) {
    return Invalid("build.input_shapes", absl::StrCat("has more than ", kMaxInputShapes, " entries"));
  }
  for (const std::string& shape : build.input_shapes()) {
    RETURN_IF_ERROR(ValidateName("build.input_shapes", shape, kMaxInputShapeBytes));
  }
  RETURN_IF_ERROR(ValidateOptionalName("build.model_name", build.model_name(), kMaxNameBytes));
  RETURN_IF_ERROR(ValidateOptionalName("build.calibration_name", build.calibration_name(), kMaxNameBytes));
  return ValidateOptionalName("build.configuration_name", build.configuration_name(), kMaxNameBytes);
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
  if (!spec.has_build()) return Invalid("spec", "asks for nothing this server knows; set build");
  return ValidateBuildSpec(spec.build());
}

absl::Status ValidateEvents(const google::protobuf::RepeatedPtrField<v1::JobEvent>& events) {
  if (events.size() > kMaxEvents) return Invalid("events", absl::StrCat("has more than ", kMaxEvents, " entries"));
  for (const v1::JobEvent& event : events) RETURN_IF_ERROR(ValidateEvent(event));
  return absl::OkStatus();
}

absl::Status ValidateResult(const v1::JobResult& result) {
  RETURN_IF_ERROR(ValidateBlobRef("result.artifact", result.artifact()));
  return ValidateBlobRef("result.report", result.report());
}

absl::Status ValidateFailure(const v1::Failure& failure) {
  if (failure.reason() == v1::FAILURE_REASON_UNSPECIFIED || !v1::FailureReason_IsValid(failure.reason())) {
    return Invalid("failure.reason", "is missing or unknown");
  }
  RETURN_IF_ERROR(ValidateLength("failure.message", failure.message(), kMaxTextBytes));
  return ValidateLength("failure.culprit", failure.culprit(), kMaxTextBytes);
}

}  // namespace joinery::server
