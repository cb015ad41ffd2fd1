// The way from bytes that somebody sent to an ONNX model that is safe to work on.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/frontend/model_limits.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Reads the model in `bytes`; messages call it `file_name`. No file that the model names is ever opened. The nodes of
// the main graph of the result are in topological order.
//
// Errors name the file, and the node or tensor at fault:
//   kInvalidArgument  empty, truncated or not an ONNX model; newer than opset 26 or IR version 13; weights outside of
//   the
//                     file; a cycle, a tensor nobody writes or two write; impossible shapes or data that do not fit
//                     them; weights that are NaN or infinite; no outputs; bad names; a limit exceeded; whatever else
//                     ONNX's checker objects to.
//   kUnimplemented    an operator that does not exist in the model's opset, or of a domain that is not ONNX's.
absl::StatusOr<onnx::ModelProto> ParseModel(absl::string_view bytes, absl::string_view file_name,
                                            const ModelLimits& limits);

// The same for the file at `path`. Errors: also those of opening and reading it.
absl::StatusOr<onnx::ModelProto> LoadModel(const std::string& path, const ModelLimits& limits);

}  // namespace joinery::compiler
