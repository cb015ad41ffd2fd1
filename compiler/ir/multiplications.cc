#include "compiler/ir/multiplications.h"

#include <algorithm>

#include "compiler/ir/tensor.h"

namespace joinery::compiler {
namespace {

using Shape = std::vector<int64_t>;

// Elements of one matrix of a stack of them.
int64_t MatrixSize(const Shape& shape) {
  return shape.size() < 2 ? NumElements(shape) : shape[shape.size() - 2] * shape.back();
}

// What both operands have and the output has not. A matrix of the left operand has rows * inner elements, one of the
// right inner * columns, however they lie: so it does not matter which is transposed.
int64_t InnerDimension(const Shape& left, const Shape& right, const Shape& output) {
  const bool has_rows = left.size() > 1;
  const bool has_columns = right.size() > 1;
  const int64_t columns = has_columns && !output.empty() ? output.back() : 1;
  const size_t before = has_columns ? 2 : 1;
  const int64_t rows = has_rows && output.size() >= before ? output[output.size() - before] : 1;
  if (rows == 0 || columns == 0) return 0;
  const int64_t inner = MatrixSize(left) / rows;
  // Operands that do not fit have changed their places.
  const bool fits = inner * columns == MatrixSize(right);
  return fits ? inner : MatrixSize(right) / rows;
}

}  // namespace

int64_t CountMultiplications(const std::string& op_type, const Shape& left, const Shape& right, const Shape& output) {
  if (left.empty() || right.empty()) return 0;
  if (op_type == "MatMul" || op_type == "Gemm") return NumElements(output) * InnerDimension(left, right, output);
  const int64_t weights_of_channel = NumElements(right) / std::max<int64_t>(right.front(), 1);
  // Each number that comes out has read one filter; each that goes in is spread by one.
  if (op_type == "Conv" && !output.empty()) return NumElements(output) * weights_of_channel;
  if (op_type == "ConvTranspose") return NumElements(left) * weights_of_channel;
  return 0;
}

int64_t CountMultiplications(Graph& graph, const onnx::NodeProto& node) {
  if (node.input_size() < 2 || node.output_size() < 1) return 0;
  const auto shape = [&](const std::string& tensor) { return graph.Shape(tensor).value_or(Shape()); };
  if (!graph.Shape(node.output(0)).has_value()) return 0;
  return CountMultiplications(node.op_type(), shape(node.input(0)), shape(node.input(1)), shape(node.output(0)));
}

}  // namespace joinery::compiler
