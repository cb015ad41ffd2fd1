#include "compiler/frontend/load_model.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/frontend/check_names.h"
#include "compiler/frontend/check_operators.h"
#include "compiler/frontend/check_tensors.h"
#include "compiler/frontend/check_windows.h"
#include "compiler/ir/graph.h"
#include "google/protobuf/io/coded_stream.h"
#include "onnx/checker.h"

namespace joinery::compiler {
namespace {

// Says why `bytes`, which protobuf did not take, are not a model: walks the fields of the outermost message.
absl::Status WhyNotParsed(absl::string_view bytes) {
  constexpr uint32_t kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5;
  google::protobuf::io::CodedInputStream input(reinterpret_cast<const uint8_t*>(bytes.data()),
                                               static_cast<int>(bytes.size()));
  const absl::Status not_onnx = absl::InvalidArgumentError("this is not an ONNX model");
  bool has_fields = false;
  while (const uint32_t tag = input.ReadTag()) {
    uint64_t size = 0;
    const uint32_t wire_type = tag & 7U;
    // ModelProto has no field beyond 25.
    if ((tag >> 3U) > 100 ||
        (wire_type != kVarint && wire_type != kFixed64 && wire_type != kDelimited && wire_type != kFixed32)) {
      return not_onnx;
    }
    const bool has_varint = wire_type == kVarint || wire_type == kDelimited;
    if (has_varint && !input.ReadVarint64(&size))
      return has_fields ? absl::InvalidArgumentError("the file is truncated") : not_onnx;
    if (wire_type == kVarint) {
      has_fields = true;
      continue;
    }
    if (wire_type != kDelimited) size = wire_type == kFixed64 ? 8 : 4;
    const auto left = static_cast<uint64_t>(bytes.size()) - static_cast<uint64_t>(input.CurrentPosition());
    if (size > left) {
      if (!has_fields) return not_onnx;
      return absl::InvalidArgumentError(
          absl::StrCat("the file is truncated: it should have ", size - left, " bytes more"));
    }
    if (!input.Skip(static_cast<int>(size))) return not_onnx;
    has_fields = true;
  }
  return absl::InvalidArgumentError("the file is damaged, is not an ONNX model, or nests graphs far too deeply");
}

// ONNX's own checker; its exceptions end here.
absl::Status CheckByOnnx(const onnx::ModelProto& model) {
  try {
    onnx::checker::check_model(model);
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("ONNX's checker: ", absl::StrReplaceAll(error.what(), {{"\n", " "}})));
  }
  return absl::OkStatus();
}

absl::StatusOr<onnx::ModelProto> Parse(absl::string_view bytes, const ModelLimits& limits) {
  if (bytes.empty()) return absl::InvalidArgumentError("the file is empty");
  if (static_cast<int64_t>(bytes.size()) > limits.max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the file has ", bytes.size(), " bytes, the limit is ", limits.max_bytes));
  }
  onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return WhyNotParsed(bytes);
  RETURN_IF_ERROR(CheckVersions(model));
  RETURN_IF_ERROR(CheckNoExternalData(model));
  RETURN_IF_ERROR(CheckNames(model, limits));
  RETURN_IF_ERROR(CheckFunctions(model, limits));
  RETURN_IF_ERROR(CheckOperators(model));
  RETURN_IF_ERROR(CheckWindows(model));
  RETURN_IF_ERROR(CheckTensorData(model, limits));
  Graph graph(std::move(model));
  RETURN_IF_ERROR(graph.SortTopologically());
  RETURN_IF_ERROR(CheckByOnnx(graph.model()));
  return std::move(graph).TakeModel();
}

}  // namespace

absl::StatusOr<onnx::ModelProto> ParseModel(absl::string_view bytes, absl::string_view file_name,
                                            const ModelLimits& limits) {
  absl::StatusOr<onnx::ModelProto> model = Parse(bytes, limits);
  if (!model.ok()) return base::Annotate(model.status(), file_name);
  return model;
}

absl::StatusOr<onnx::ModelProto> LoadModel(const std::string& path, const ModelLimits& limits) {
  absl::StatusOr<std::string> bytes = base::ReadFile(path, limits.max_bytes);
  // Too large a file is a fault of the model, not of the machine.
  if (absl::IsResourceExhausted(bytes.status())) return absl::InvalidArgumentError(bytes.status().message());
  RETURN_IF_ERROR(bytes.status());
  return ParseModel(*bytes, path, limits);
}

}  // namespace joinery::compiler
