// What may be wrong with a request. All input is hostile until it passed here. Errors are kInvalidArgument and name the
// field.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "joinery/v1/blobs.pb.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::server {

// `field` is how the message calls the value.
absl::Status ValidateDigest(absl::string_view field, const std::string& digest);
absl::Status ValidateBlobRef(absl::string_view field, const v1::BlobRef& blob);

// 1 to `max_size` bytes without control characters.
absl::Status ValidateName(absl::string_view field, absl::string_view name, size_t max_size);

// A job's or lease's name as somebody gives it back to us.
absl::Status ValidateId(absl::string_view field, absl::string_view id);

// Blobs and texts of the specification, not whether the blobs are there.
absl::Status ValidateSpec(const v1::JobSpec& spec);

absl::Status ValidateOptions(const v1::JobOptions& options);
absl::Status ValidateCapabilities(const v1::Capabilities& capabilities);

// What a worker tells: progress and log lines only, at most 1000.
absl::Status ValidateEvents(const google::protobuf::RepeatedPtrField<v1::JobEvent>& events);

absl::Status ValidateFirstEvent(int64_t first_event);

absl::Status ValidateResult(const v1::JobResult& result);
absl::Status ValidateFailure(const v1::Failure& failure);

}  // namespace joinery::server
