#include "compiler/backend/joint_file.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/frontend/load_model.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr char kManifestKey[] = "joinery.manifest";
constexpr char kProducer[] = "joinery";

const std::string* FindManifest(const onnx::ModelProto& model) {
  const auto found =
      std::find_if(model.metadata_props().begin(), model.metadata_props().end(),
                   [](const onnx::StringStringEntryProto& entry) { return entry.key() == kManifestKey; });
  return found == model.metadata_props().end() ? nullptr : &found->value();
}

}  // namespace

std::string ToJson(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = pretty;
  std::string json;
  // Fails only for messages with malformed Any or Timestamp fields, which these do not have.
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

bool HasManifest(const onnx::ModelProto& model) { return FindManifest(model) != nullptr; }

absl::StatusOr<int64_t> WriteJoint(const std::string& path, onnx::ModelProto model, const v1::Manifest& manifest) {
  model.set_producer_name(kProducer);
  model.set_producer_version(manifest.tool_version());
  auto& properties = *model.mutable_metadata_props();
  properties.erase(
      std::remove_if(properties.begin(), properties.end(),
                     [](const onnx::StringStringEntryProto& property) { return property.key() == kManifestKey; }),
      properties.end());
  onnx::StringStringEntryProto* entry = model.add_metadata_props();
  entry->set_key(kManifestKey);
  entry->set_value(ToJson(manifest, /*pretty=*/false));
  std::string bytes;
  if (!model.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": the model is larger than the 2 GiB that ONNX files hold"));
  }
  RETURN_IF_ERROR(base::WriteFileAtomically(path, bytes));
  return static_cast<int64_t>(bytes.size());
}

absl::StatusOr<Joint> ReadJoint(const std::string& path) {
  Joint joint;
  ASSIGN_OR_RETURN(joint.model, LoadModel(path, ModelLimits()));
  ASSIGN_OR_RETURN(joint.manifest, ReadManifest(joint.model, path));
  return joint;
}

absl::StatusOr<v1::Manifest> ReadManifest(const onnx::ModelProto& model, const std::string& path) {
  const std::string* json = FindManifest(model);
  if (json == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has no Joinery manifest: it is a plain ONNX model, not a .joint that Joinery wrote"));
  }
  google::protobuf::util::JsonParseOptions options;
  // A field that a newer version added within the same format may be passed over.
  options.ignore_unknown_fields = true;
  v1::Manifest manifest;
  if (!google::protobuf::util::JsonStringToMessage(*json, &manifest, options).ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": its manifest is damaged"));
  }
  if (manifest.format_version() > kJointFormatVersion) {
    return absl::UnimplementedError(absl::StrCat(path, " has format version ", manifest.format_version(),
                                                 ", this program reads up to ", kJointFormatVersion,
                                                 ": use a newer one"));
  }
  return manifest;
}

v1::TensorInfo DescribeTensor(const onnx::ValueInfoProto& value) {
  v1::TensorInfo info;
  info.set_name(value.name());
  info.set_element_type(ElementTypeName(value.type().tensor_type().elem_type()));
  for (const auto& dimension : value.type().tensor_type().shape().dim()) {
    info.add_shape(dimension.has_dim_value() ? dimension.dim_value() : -1);
  }
  return info;
}

}  // namespace joinery::compiler
