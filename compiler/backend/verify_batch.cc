#include "compiler/backend/verify_batch.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/execution/executor.h"
#include "compiler/frontend/random_feed.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {
namespace {

// Sums of a batch may be added in another order. Behind a rounding that can be one step of 8 bits.
constexpr float kTolerance = 0.02F;

Tensor Stack(const std::vector<std::vector<Tensor>>& samples, size_t tensor) {
  Tensor stacked = samples[0][tensor];
  stacked.shape[0] = static_cast<int64_t>(samples.size());
  for (size_t i = 1; i < samples.size(); ++i) {
    stacked.bytes.insert(stacked.bytes.end(), samples[i][tensor].bytes.begin(), samples[i][tensor].bytes.end());
  }
  return stacked;
}

float LargestMagnitude(absl::Span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

bool IsNear(const Tensor& want, const Tensor& got) {
  if (want.shape != got.shape || want.element_type != got.element_type) return false;
  if (want.element_type != onnx::TensorProto::FLOAT) return true;
  const absl::Span<const float> expected = want.values<float>();
  const absl::Span<const float> actual = got.values<float>();
  const float most = kTolerance * LargestMagnitude(expected) + 1e-6F;
  return std::equal(expected.begin(), expected.end(), actual.begin(),
                    [&](float left, float right) { return std::abs(left - right) <= most; });
}

}  // namespace

absl::Status VerifyBatch(const onnx::ModelProto& single, const onnx::ModelProto& batched, const v1::Batch& batch,
                         int threads) {
  const size_t count = batch.is_dynamic() ? 2 : static_cast<size_t>(batch.sizes(0));
  const ExecutorOptions options{.threads = threads};
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> alone, LoadOnnxRuntime(single, options));
  absl::StatusOr<std::unique_ptr<Executor>> together = LoadOnnxRuntime(batched, options);
  if (!together.ok()) return base::Annotate(together.status(), "with the batch size asked for");
  std::vector<std::vector<Tensor>> feeds;
  std::vector<std::vector<Tensor>> results;
  for (size_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(std::vector<Tensor> feed, RandomFeed(alone->inputs(), /*seed=*/static_cast<uint32_t>(i + 1)));
    ASSIGN_OR_RETURN(std::vector<Tensor> result, RunToTensors(*alone, feed));
    feeds.push_back(std::move(feed));
    results.push_back(std::move(result));
  }
  std::vector<Tensor> stacked;
  for (size_t i = 0; i < feeds[0].size(); ++i) stacked.push_back(Stack(feeds, i));
  const absl::StatusOr<std::vector<Tensor>> outputs = RunToTensors(**together, stacked);
  if (!outputs.ok()) return base::Annotate(outputs.status(), "with the batch size asked for");
  for (size_t i = 0; i < outputs->size(); ++i) {
    if (IsNear(Stack(results, i), (*outputs)[i])) continue;
    return absl::UnimplementedError(
        absl::StrCat("in a batch, output \"", alone->outputs()[i].name,
                     "\" is not what it is for a single sample: some operator mixes samples; "
                     "ask for batch size 1"));
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
