// How many multiplications an operator with weights needs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "compiler/ir/graph.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Of a Conv, ConvTranspose, MatMul or Gemm; 0 for all other operators and where a shape is not known (empty). A
// convolution counts those beside its borders, too.
//
//   left, right  the two operands as the model has them: of a convolution input and weights; of a product of matrices
//   in
//                any order, and either may be transposed, as Gemm allows
int64_t CountMultiplications(const std::string& op_type, const std::vector<int64_t>& left,
                             const std::vector<int64_t>& right, const std::vector<int64_t>& output);

// The same for a node whose shapes the graph knows.
int64_t CountMultiplications(Graph& graph, const onnx::NodeProto& node);

}  // namespace joinery::compiler
