#include "storage/blob_refs.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::storage {

absl::Status ForEachBlobRef(
    const google::protobuf::Message& message, const std::string& name,
    const std::function<absl::Status(const std::string& field, const v1::BlobRef& blob)>& take) {
  if (message.GetDescriptor() == v1::BlobRef::descriptor()) {
    return take(name, static_cast<const v1::BlobRef&>(message));
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const std::string path = absl::StrCat(name, name.empty() ? "" : ".", field->name());
    if (!field->is_repeated()) {
      RETURN_IF_ERROR(ForEachBlobRef(reflection.GetMessage(message, field), path, take));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      RETURN_IF_ERROR(ForEachBlobRef(reflection.GetRepeatedMessage(message, field, i), path, take));
    }
  }
  return absl::OkStatus();
}

}  // namespace joinery::storage
