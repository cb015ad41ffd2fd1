#include "compiler/vendor/attached_binary.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace joinery::compiler {
namespace {

bool IsBinary(const onnx::TensorProto& tensor) { return tensor.name() == kBinaryInitializer; }

}  // namespace

void AttachBinary(const std::string& bytes, v1::VendorBinary description, onnx::ModelProto& model,
                  v1::Manifest& manifest) {
  auto& initializers = *model.mutable_graph()->mutable_initializer();
  initializers.erase(std::remove_if(initializers.begin(), initializers.end(), IsBinary), initializers.end());
  onnx::TensorProto& tensor = *initializers.Add();
  tensor.set_name(kBinaryInitializer);
  tensor.set_data_type(onnx::TensorProto::UINT8);
  tensor.add_dims(static_cast<int64_t>(bytes.size()));
  tensor.set_raw_data(bytes);
  description.set_size_bytes(static_cast<int64_t>(bytes.size()));
  description.set_sha256(base::Sha256(bytes));
  *manifest.mutable_vendor_binary() = std::move(description);
}

absl::StatusOr<std::string> ExtractBinary(const onnx::ModelProto& model, const v1::Manifest& manifest) {
  const auto& initializers = model.graph().initializer();
  const auto found = std::find_if(initializers.begin(), initializers.end(), IsBinary);
  if (found == initializers.end() || !manifest.has_vendor_binary()) {
    return absl::NotFoundError("no binary of the vendor's is attached: build with --vendor-tool or --vendor-binary");
  }
  if (base::Sha256(found->raw_data()) != manifest.vendor_binary().sha256()) {
    return absl::DataLossError("the attached binary is damaged: its SHA-256 is not the manifest's");
  }
  return found->raw_data();
}

}  // namespace joinery::compiler
