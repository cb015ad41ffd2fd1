#include "compiler/ir/multiplications.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/compiler/frontend/onnx_text.h"

namespace joinery::compiler {
namespace {

struct Case {
  const char* name;
  const char* op_type;
  std::vector<int64_t> left;
  std::vector<int64_t> right;
  std::vector<int64_t> output;
  int64_t count;
};

class MultiplicationsTest : public ::testing::TestWithParam<Case> {};

TEST_P(MultiplicationsTest, AreCounted) {
  const Case& c = GetParam();
  EXPECT_EQ(CountMultiplications(c.op_type, c.left, c.right, c.output), c.count);
}

INSTANTIATE_TEST_SUITE_P(
    , MultiplicationsTest,
    ::testing::ValuesIn(std::vector<Case>{
        {"Conv", "Conv", {1, 3, 8, 8}, {16, 3, 3, 3}, {1, 16, 8, 8}, 16 * 8 * 8 * 27},
        {"Depthwise", "Conv", {1, 16, 8, 8}, {16, 1, 3, 3}, {1, 16, 4, 4}, 16 * 4 * 4 * 9},
        {"ConvTranspose", "ConvTranspose", {1, 8, 4, 4}, {8, 16, 2, 2}, {1, 16, 8, 8}, 8 * 4 * 4 * 16 * 4},
        {"GroupedConvTranspose", "ConvTranspose", {1, 8, 4, 4}, {8, 2, 4, 4}, {1, 8, 8, 8}, 8 * 4 * 4 * 2 * 16},
        {"MatMul", "MatMul", {1, 7, 5}, {5, 3}, {1, 7, 3}, 7 * 5 * 3},
        {"StackedMatMul", "MatMul", {2, 4, 7, 5}, {2, 4, 5, 3}, {2, 4, 7, 3}, 2 * 4 * 7 * 5 * 3},
        {"BroadcastMatMul", "MatMul", {7, 5}, {4, 5, 3}, {4, 7, 3}, 4 * 7 * 5 * 3},
        {"RowTimesMatrix", "MatMul", {5}, {5, 3}, {3}, 5 * 3},
        {"MatrixTimesColumn", "MatMul", {7, 5}, {5}, {7}, 7 * 5},
        {"Gemm", "Gemm", {2, 5}, {5, 3}, {2, 3}, 2 * 5 * 3},
        {"GemmRightTransposed", "Gemm", {2, 5}, {3, 5}, {2, 3}, 2 * 5 * 3},
        {"GemmLeftTransposed", "Gemm", {5, 2}, {5, 3}, {2, 3}, 2 * 5 * 3},
        {"GemmBothTransposed", "Gemm", {5, 2}, {3, 5}, {2, 3}, 2 * 5 * 3},
        {"OperandsInTheOtherOrder", "MatMul", {5, 3}, {7, 5}, {7, 3}, 7 * 5 * 3},
        {"NothingToDo", "Gemm", {0, 5}, {5, 3}, {0, 3}, 0},
        {"UnknownShape", "Conv", {}, {16, 3, 3, 3}, {1, 16, 8, 8}, 0},
        {"NoWeights", "Add", {2, 5}, {2, 5}, {2, 5}, 0}}),
    [](const auto& parameter) { return std::string(parameter.param.name); });

TEST(MultiplicationsOfNodesTest, ReadTheGraphsShapes) {
  Graph graph(ParseOnnxText(R"(g (float[1,1,2,2] x) => (float[1,1,4,4] y)
      <float[1,1,2,2] w = {1,2,3,4}> { y = ConvTranspose <strides = [2,2]> (x, w) })"));
  EXPECT_EQ(CountMultiplications(graph, *graph.Producer("y")), 4 * 4);
}

}  // namespace
}  // namespace joinery::compiler
