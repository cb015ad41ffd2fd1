#include "compiler/evaluation/tensor_files.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/calibration/npy.h"

namespace joinery::compiler {
namespace {

absl::StatusOr<std::string> Write(const std::string& folder, const std::string& tensor, const char* extension,
                                  absl::string_view bytes) {
  std::string path = (std::filesystem::path(folder) / FileNameFor(tensor)).string() + extension;
  RETURN_IF_ERROR(base::WriteFileAtomically(path, bytes));
  return path;
}

}  // namespace

std::string FileNameFor(const std::string& tensor) {
  std::string name = tensor;
  std::replace(name.begin(), name.end(), '/', '_');
  const bool is_only_dots = std::all_of(name.begin(), name.end(), [](char c) { return c == '.'; });
  return is_only_dots ? absl::StrCat("_", name) : name;
}

absl::StatusOr<std::string> WriteBin(const std::string& folder, const std::string& tensor, const Tensor& value) {
  return Write(folder, tensor, ".bin", {reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()});
}

absl::StatusOr<std::string> WriteNpy(const std::string& folder, const std::string& tensor, const Tensor& value) {
  return Write(folder, tensor, ".npy", FormatNpy(value));
}

}  // namespace joinery::compiler
