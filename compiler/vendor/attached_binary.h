// The vendor's binary within a `.joint`: an initializer of bytes that no node reads, so that ONNX tools load the model
// as if it were not there.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/manifest.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

inline constexpr char kBinaryInitializer[] = "joinery.vendor_binary";

// Puts `bytes` into the model, instead of what was attached before, and says so in `manifest`.
void AttachBinary(const std::string& bytes, v1::VendorBinary description, onnx::ModelProto& model,
                  v1::Manifest& manifest);

// Errors: kNotFound if the model has none; kDataLoss if it is not what the manifest says.
absl::StatusOr<std::string> ExtractBinary(const onnx::ModelProto& model, const v1::Manifest& manifest);

}  // namespace joinery::compiler
