#include "compiler/backend/set_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "compiler/backend/verify_batch.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

// The Reshape of a network that was exported for one sample.
constexpr char kReshape[] = R"(g (float[1,2,3] x) => (float[1,6] y)
    <int64[2] shape = {1, 6}> { n = Neg(x) y = Reshape(n, shape) })";

Graph Load(const char* text) {
  onnx::ModelProto model = ParseOnnxText(text);
  onnx::shape_inference::InferShapes(model);
  return Graph(std::move(model));
}

v1::Batch Batch(int size, bool is_dynamic = false) {
  v1::Batch batch;
  batch.add_sizes(size);
  batch.set_is_dynamic(is_dynamic);
  return batch;
}

const onnx::TensorShapeProto_Dimension& First(const onnx::ValueInfoProto& value) {
  return value.type().tensor_type().shape().dim(0);
}

TEST(SetBatchTest, EveryInputAndOutputTakesTheBatch) {
  const Graph single = Load(kReshape);
  Graph graph = Load(kReshape);
  ASSERT_THAT(SetBatch(graph, Batch(4)), IsOk());
  EXPECT_EQ(First(graph.proto().input(0)).dim_value(), 4);
  EXPECT_EQ(First(graph.proto().output(0)).dim_value(), 4);
  EXPECT_THAT(VerifyBatch(single.model(), graph.model(), Batch(4), /*threads=*/1), IsOk());
}

TEST(SetBatchTest, ADynamicBatchHasAName) {
  const Graph single = Load(kReshape);
  Graph graph = Load(kReshape);
  ASSERT_THAT(SetBatch(graph, Batch(1, /*is_dynamic=*/true)), IsOk());
  EXPECT_EQ(First(graph.proto().input(0)).dim_param(), "batch");
  EXPECT_EQ(First(graph.proto().output(0)).dim_param(), "batch");
  EXPECT_THAT(VerifyBatch(single.model(), graph.model(), Batch(1, true), /*threads=*/1), IsOk());
}

TEST(SetBatchTest, WithoutSizesNothingChanges) {
  Graph graph = Load(kReshape);
  const std::string before = graph.model().SerializeAsString();
  ASSERT_THAT(SetBatch(graph, {}), IsOk());
  EXPECT_EQ(graph.model().SerializeAsString(), before);
}

TEST(SetBatchTest, AnInputWithoutABatchIsNamed) {
  Graph graph = Load("g (float[2,3] x) => (float[2,3] y) { y = Neg(x) }");
  EXPECT_THAT(SetBatch(graph, Batch(2)), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("input \"x\"")));
}

TEST(SetBatchTest, ABatchThatDoesNotComeThroughIsToldOf) {
  Graph graph = Load("g (float[1,3] x) => (float[1,3] y) { y = ReduceMax <axes=[0]> (x) }");
  EXPECT_THAT(SetBatch(graph, Batch(2)), StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("output \"y\"")));
}

TEST(VerifyBatchTest, SamplesThatAreMixedAreToldOf) {
  const Graph single = Load("g (float[1,3] x) => (float[1,3] y) { y = Softmax <axis=1> (x) }");
  const Graph mixing = Load("g (float[2,3] x) => (float[2,3] y) { y = Softmax <axis=0> (x) }");
  EXPECT_THAT(VerifyBatch(single.model(), mixing.model(), Batch(2), /*threads=*/1),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("mixes samples")));
}

}  // namespace
}  // namespace joinery::compiler
