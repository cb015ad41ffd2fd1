// Reads and writes `.joint` files: ONNX models that carry a manifest.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/manifest.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// The newest format that this version reads, and the one it writes.
inline constexpr int kJointFormatVersion = 1;

struct Joint {
  onnx::ModelProto model;
  v1::Manifest manifest;
};

// Replaces the file at `path` and returns its size in bytes. The same model and manifest give the same bytes.
absl::StatusOr<int64_t> WriteJoint(const std::string& path, onnx::ModelProto model, const v1::Manifest& manifest);

// Errors: those of LoadModel and ReadManifest.
absl::StatusOr<Joint> ReadJoint(const std::string& path);

// The manifest of a model that was read from `path`.
// Errors: kInvalidArgument if it has none (a plain ONNX model, the vendor's own .joint) or it is damaged;
// kUnimplemented if its format is newer than this version knows.
absl::StatusOr<v1::Manifest> ReadManifest(const onnx::ModelProto& model, const std::string& path);

// What a manifest says of an input or output; without layout and colours, which the model does not know.
v1::TensorInfo DescribeTensor(const onnx::ValueInfoProto& value);

// Whether a model of this content is a `.joint` of ours.
bool HasManifest(const onnx::ModelProto& model);

// A message as JSON with the field names of the .proto file; `pretty` over several lines.
std::string ToJson(const google::protobuf::Message& message, bool pretty);

}  // namespace joinery::compiler
