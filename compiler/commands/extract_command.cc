// joineryc extract: a part of a .joint, or what lies between tensors of any model, as a plain ONNX model; or the
// vendor's binary that a .joint carries.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/backend/joint_file.h"
#include "compiler/backend/parts.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/exit_code.h"
#include "compiler/frontend/load_model.h"
#include "compiler/vendor/attached_binary.h"

namespace joinery::compiler {
namespace {

struct ExtractOptions {
  std::string model;
  std::string part;
  std::vector<std::string> from;
  std::vector<std::string> tensors;
  bool is_binary = false;
  std::string output;
};

absl::StatusOr<onnx::ModelProto> ExtractWhatIsAskedFor(const ExtractOptions& options, const onnx::ModelProto& model) {
  if (!options.tensors.empty() && options.part.empty()) return ExtractBetween(model, options.from, options.tensors);
  if (options.part.empty() || !options.tensors.empty() || !options.from.empty()) {
    return absl::InvalidArgumentError("name either a part, as npu:0, or the tensors to end at with --tensors");
  }
  return ExtractPart(model, options.part);
}

void PrintSide(const char* side, const google::protobuf::RepeatedPtrField<onnx::ValueInfoProto>& values) {
  for (const onnx::ValueInfoProto& value : values) {
    const v1::TensorInfo tensor = DescribeTensor(value);
    std::cout << absl::StrFormat("%-3s  %s  [%s]  %s\n", side, tensor.name(), absl::StrJoin(tensor.shape(), ", "),
                                 tensor.element_type());
  }
}

absl::Status ExtractVendorBinary(const ExtractOptions& options) {
  if (!options.part.empty() || !options.tensors.empty() || !options.from.empty()) {
    return absl::InvalidArgumentError("--binary is of the whole .joint: name neither a part nor tensors with it");
  }
  ASSIGN_OR_RETURN(const Joint joint, ReadJoint(options.model));
  absl::StatusOr<std::string> bytes = ExtractBinary(joint.model, joint.manifest);
  if (!bytes.ok()) return base::Annotate(bytes.status(), options.model);
  RETURN_IF_ERROR(base::WriteFileAtomically(options.output, *bytes));
  const v1::VendorBinary& binary = joint.manifest.vendor_binary();
  std::cout << "File saved: " << options.output << " (" << binary.size_bytes() << " bytes, sha256 " << binary.sha256()
            << ", made by " << binary.tool() << ' ' << binary.tool_version() << " for " << binary.hardware() << ")\n";
  return absl::OkStatus();
}

absl::Status Extract(const ExtractOptions& options) {
  if (options.is_binary) return ExtractVendorBinary(options);
  ASSIGN_OR_RETURN(const onnx::ModelProto model, LoadModel(options.model, ModelLimits()));
  absl::StatusOr<onnx::ModelProto> extracted = ExtractWhatIsAskedFor(options, model);
  if (!extracted.ok()) return base::Annotate(extracted.status(), options.model);
  std::string bytes;
  if (!extracted->SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat(options.output, ": the model is larger than the 2 GiB that ONNX files hold"));
  }
  RETURN_IF_ERROR(base::WriteFileAtomically(options.output, bytes));
  PrintSide("IN", extracted->graph().input());
  PrintSide("OUT", extracted->graph().output());
  std::cout << "File saved: " << options.output << " (" << extracted->graph().node_size() << " nodes)\n";
  return absl::OkStatus();
}

}  // namespace

void AddExtractCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("extract", "Write a part of a .joint, or of any model, as a plain ONNX model");
  auto options = std::make_shared<ExtractOptions>();
  command->add_option("model", options->model, "M.joint or M.onnx")->required();
  command->add_option("part", options->part, "A part of the .joint, as npu:0; `joineryc info` shows them");
  command->add_option("--tensors", options->tensors, "Instead of a part: the tensors to end at, A,B")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--from", options->from, "With --tensors: the tensors to begin at, A,B; default: the inputs")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_flag("--binary", options->is_binary, "Instead of a part: the vendor's binary that the .joint carries");
  command->add_option("-o,--output", options->output, "Where the model goes")->required();
  command->footer(
      "Examples:\n"
      "  joineryc extract face.joint npu:0 -o face_npu.onnx\n"
      "  joineryc extract face.joint cpu:0 -o face_tail.onnx\n"
      "  joineryc extract face.onnx --tensors 459,460 -o face_without_postprocessing.onnx\n"
      "  joineryc extract face.joint --binary -o face.axmodel");
  command->callback([options, &exit_code] { exit_code = ReportModelCommand(Extract(*options)); });
}

}  // namespace joinery::compiler
