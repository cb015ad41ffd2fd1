// Whether an artifact that takes several samples computes for each what it did alone.
#pragma once

#include "absl/status/status.h"
#include "joinery/v1/build_configuration.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Runs `single` on random samples one by one and `batched` on the same at once: as many as its batch, or 2 where that
// may vary. Errors: kUnimplemented if an output differs by more than rounding, naming it; those of running.
absl::Status VerifyBatch(const onnx::ModelProto& single, const onnx::ModelProto& batched, const v1::Batch& batch,
                         int threads);

}  // namespace joinery::compiler
