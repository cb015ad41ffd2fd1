#include "compiler/execution/executor.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

Tensor Floats(std::vector<int64_t> shape, const std::vector<float>& values) {
  return MakeTensor<float>(onnx::TensorProto::FLOAT, std::move(shape), values);
}

TEST(ExecutorTest, RunsWithAndWithoutOptimization) {
  const onnx::ModelProto model = ParseOnnxText(
      "g (float[2] x, float[N] z) => (float[2] y, int64[1] s) <float c = {10}> { a = Mul(x, c) y = Neg(a) s = Shape(z) "
      "}");
  for (const bool optimize : {false, true}) {
    ASSERT_OK_AND_ASSIGN(const auto executor, LoadOnnxRuntime(model, {.threads = 1, .optimize = optimize}));
    ASSERT_EQ(executor->inputs().size(), 2U);
    EXPECT_EQ(executor->inputs()[0].name, "x");
    EXPECT_EQ(executor->inputs()[0].element_type, onnx::TensorProto::FLOAT);
    EXPECT_THAT(executor->inputs()[0].shape, ElementsAre(2));
    EXPECT_THAT(executor->inputs()[1].shape, ElementsAre(-1));
    const std::vector<Tensor> feed = {Floats({2}, {1, 2}), Floats({3}, {0, 0, 0})};
    ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> outputs, RunToTensors(*executor, feed));
    EXPECT_THAT(outputs[0].values<float>(), ElementsAre(-10, -20));
    EXPECT_THAT(outputs[1].values<int64_t>(), ElementsAre(3));
    EXPECT_EQ(outputs[1].element_type, onnx::TensorProto::INT64);
  }
}

TEST(ExecutorTest, RunsWithoutInputs) {
  ASSERT_OK_AND_ASSIGN(const auto executor,
                       LoadOnnxRuntime(ParseOnnxText("g () => (float[2] y) <float[2] c = {1, 2}> { y = Neg(c) }"), {}));
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> outputs, RunToTensors(*executor, {}));
  EXPECT_THAT(outputs[0].values<float>(), ElementsAre(-1, -2));
}

TEST(ExecutorTest, FeedThatDoesNotFitIsAnError) {
  ASSERT_OK_AND_ASSIGN(const auto executor,
                       LoadOnnxRuntime(ParseOnnxText("g (float[2] x) => (float[2] y) { y = Neg(x) }"), {}));
  const auto run = [&](const std::vector<Tensor>& feed) { return RunToTensors(*executor, feed).status(); };
  EXPECT_THAT(run({}), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 inputs, got 0")));
  EXPECT_THAT(run({Floats({3}, {1, 2, 3})}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"x\" takes float[2], got float[3]")));
  const std::vector<int64_t> values = {1, 2};
  EXPECT_THAT(run({MakeTensor<int64_t>(onnx::TensorProto::INT64, {2}, values)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("got int64[2]")));
}

TEST(ExecutorTest, ModelThatIsNotTakenIsAnError) {
  EXPECT_THAT(LoadOnnxRuntime(ParseOnnxText("g (float[2] x) => (float[2] y) { y = NoSuchOperator(x) }"), {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NoSuchOperator")));
}

TEST(ExecutorTest, FailureAtRunTimeIsAnError) {
  ASSERT_OK_AND_ASSIGN(
      const auto executor,
      LoadOnnxRuntime(ParseOnnxText("g (float[N] x, int64[1] s) => (float[M] y) { y = Reshape(x, s) }"), {}));
  const std::vector<int64_t> shape = {3};
  const std::vector<Tensor> feed = {Floats({2}, {1, 2}), MakeTensor<int64_t>(onnx::TensorProto::INT64, {1}, shape)};
  EXPECT_THAT(RunToTensors(*executor, feed), StatusIs(absl::StatusCode::kInternal, StartsWith("ONNX Runtime: ")));
}

TEST(ExecutorTest, ManyThreadsMayRunAtOnce) {
  ASSERT_OK_AND_ASSIGN(const auto executor,
                       LoadOnnxRuntime(ParseOnnxText("g (float[1] x) => (float[1] y) { y = Neg(x) }"), {}));
  std::atomic<int> num_right = 0;
  std::vector<std::thread> threads;
  constexpr int kThreads = 4;
  constexpr int kRuns = 50;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto value = static_cast<float>(t);
      const std::vector<Tensor> feed = {Floats({1}, {value})};
      for (int i = 0; i < kRuns; ++i) {
        const auto outputs = RunToTensors(*executor, feed);
        if (outputs.ok() && (*outputs)[0].values<float>()[0] == -value) ++num_right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(num_right, kThreads * kRuns);
}

TEST(ExecutorTest, KnowsItsVersion) { EXPECT_THAT(OnnxRuntimeVersion(), StartsWith("1.")); }

}  // namespace
}  // namespace joinery::compiler
