#include "compiler/frontend/verify_equivalence.h"

#include <cmath>
#include <string>
#include <vector>

#include "compiler/frontend/infer_shapes.h"
#include "compiler/frontend/random_feed.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

absl::Status Verify(const std::string& original, const std::string& simplified) {
  const onnx::ModelProto left = ParseOnnxText(original);
  onnx::ModelProto right = ParseOnnxText(simplified);
  EXPECT_THAT(InferShapes(right), IsOk());
  std::vector<std::vector<Tensor>> feeds;
  for (const uint64_t seed : {1, 2}) {
    auto feed = RandomFeed(std::vector<TensorSpec>{{"x", onnx::TensorProto::FLOAT, {8}}}, seed);
    EXPECT_THAT(feed, IsOk());
    feeds.push_back(*std::move(feed));
  }
  return VerifyEquivalence(left, right, feeds);
}

TEST(VerifyEquivalenceTest, SameComputationPasses) {
  EXPECT_THAT(Verify("g (float[8] x) => (float[8] y) { a = Neg(x) y = Neg(a) }",
                     "g (float[8] x) => (float[8] y) { y = Identity(x) }"),
              IsOk());
}

TEST(VerifyEquivalenceTest, SmallDifferencesPassAndLargeOnesDoNot) {
  const std::string original = "g (float[8] x) => (float[8] y) { y = Identity(x) }";
  EXPECT_THAT(Verify(original, "g (float[8] x) => (float[8] y) <float c = {1.0001}> { y = Mul(x, c) }"), IsOk());
  EXPECT_THAT(Verify(original, "g (float[8] x) => (float[8] y) <float c = {1.01}> { y = Mul(x, c) }"),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("\"y\"")));
}

TEST(VerifyEquivalenceTest, NamesTheFirstTensorThatDiffers) {
  EXPECT_THAT(Verify("g (float[8] x) => (float[8] y) { [one] a = Neg(x) [two] b = Abs(a) [three] y = Exp(b) }",
                     "g (float[8] x) => (float[8] y) { [one] a = Neg(x) [two] b = Relu(a) [three] y = Exp(b) }"),
              StatusIs(absl::StatusCode::kInternal, AllOf(HasSubstr("tensor \"b\""), HasSubstr("\"two\" (Abs)"))));
}

TEST(VerifyEquivalenceTest, NaNInTheOriginalIsNoDifference) {
  EXPECT_THAT(Verify("g (float[8] x) => (float[8] y) { y = Sqrt(x) }",
                     "g (float[8] x) => (float[8] y) { a = Abs(x) y = Sqrt(a) }"),
              IsOk());
  EXPECT_THAT(Verify("g (float[8] x) => (float[8] y) { a = Abs(x) y = Sqrt(a) }",
                     "g (float[8] x) => (float[8] y) { y = Sqrt(x) }"),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("\"y\"")));
}

TEST(VerifyEquivalenceTest, WholeNumbersMustBeEqual) {
  const std::string head = "g (float[8] x) => (int64[1] y) ";
  EXPECT_THAT(Verify(head + "{ y = ArgMax(x) }", head + "{ y = ArgMax(x) }"), IsOk());
  EXPECT_THAT(Verify(head + "{ y = ArgMax(x) }", head + "{ y = ArgMin(x) }"),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("\"y\"")));
}

TEST(VerifyEquivalenceTest, OtherOutputsAreAnError) {
  EXPECT_THAT(Verify("g (float[8] x) => (float[8] y) { y = Neg(x) }", "g (float[8] x) => (float[8] z) { z = Neg(x) }"),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("\"y\"")));
}

TEST(RandomFeedTest, IsNormalAndTheSameForASeed) {
  const std::vector<TensorSpec> specs = {{"x", onnx::TensorProto::FLOAT, {10, 1000}}};
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> one, RandomFeed(specs, 1));
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> same, RandomFeed(specs, 1));
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> other, RandomFeed(specs, 2));
  EXPECT_EQ(one[0].bytes, same[0].bytes);
  EXPECT_NE(one[0].bytes, other[0].bytes);
  double sum = 0;
  double squares = 0;
  for (const float value : one[0].values<float>()) {
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 10000, 0, 0.05);
  EXPECT_NEAR(squares / 10000, 1, 0.05);
}

TEST(RandomFeedTest, OtherTypes) {
  const std::vector<TensorSpec> specs = {{"i", onnx::TensorProto::INT64, {100}},
                                         {"b", onnx::TensorProto::BOOL, {100}},
                                         {"s", onnx::TensorProto::UINT8, {}}};
  ASSERT_OK_AND_ASSIGN(const std::vector<Tensor> feed, RandomFeed(specs, 1));
  for (const int64_t value : feed[0].values<int64_t>()) EXPECT_TRUE(value >= 0 && value <= 3) << value;
  for (const uint8_t value : feed[1].values<uint8_t>()) EXPECT_LE(value, 1);
  EXPECT_EQ(feed[2].bytes.size(), 1U);
}

TEST(RandomFeedTest, OpenShapesAndStringsAreErrors) {
  EXPECT_THAT(RandomFeed(std::vector<TensorSpec>{{"x", onnx::TensorProto::FLOAT, {-1}}}, 1),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"x\"")));
  EXPECT_THAT(RandomFeed(std::vector<TensorSpec>{{"x", onnx::TensorProto::STRING, {1}}}, 1),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("\"x\"")));
}

}  // namespace
}  // namespace joinery::compiler
