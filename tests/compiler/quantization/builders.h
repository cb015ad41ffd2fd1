// What the tests of quantization are made of: graphs with inferred shapes, samples, and runs of both networks.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/calibration/observe.h"
#include "compiler/execution/executor.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/quantization/equalize.h"
#include "onnx/shape_inference/implementation.h"
#include "tests/compiler/frontend/onnx_text.h"

namespace joinery::compiler {

inline Graph InferGraph(const std::string& text, int opset = 13) {
  onnx::ModelProto model = ParseOnnxText(text, opset);
  onnx::shape_inference::InferShapes(model);
  return Graph(std::move(model));
}

// "{1.5,-0.25}": `rows` rows of normally distributed numbers, each row `spread` times as large as the one before.
inline std::string RandomNumbers(size_t rows, size_t columns, uint32_t seed, double spread = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  std::vector<std::string> numbers;
  double scale = 1;
  for (size_t row = 0; row < rows; ++row, scale *= spread) {
    for (size_t column = 0; column < columns; ++column) {
      numbers.push_back(absl::StrCat(static_cast<float>(normal(generator) * scale)));
    }
  }
  return absl::StrCat("{", absl::StrJoin(numbers, ","), "}");
}

// Normally distributed values for every input of the model, the same for the same sample.
inline LoadSampleFunction RandomSamples(const Graph& graph) {
  std::vector<std::vector<int64_t>> shapes;
  for (const onnx::ValueInfoProto* input : graph.Inputs()) {
    std::vector<int64_t>& shape = shapes.emplace_back();
    for (const auto& dimension : input->type().tensor_type().shape().dim()) shape.push_back(dimension.dim_value());
  }
  return [shapes](size_t sample) -> absl::StatusOr<std::vector<Tensor>> {
    std::mt19937 generator(static_cast<uint32_t>(sample) + 1);
    std::normal_distribution<float> normal;
    std::vector<Tensor> feed;
    for (const std::vector<int64_t>& shape : shapes) {
      std::vector<float> values(static_cast<size_t>(NumElements(shape)));
      for (float& value : values) value = normal(generator);
      feed.push_back(MakeTensor<float>(onnx::TensorProto::FLOAT, shape, values));
    }
    return feed;
  };
}

// The values of these tensors of the main graph for one sample, one list for each.
inline std::vector<std::vector<float>> RunFor(const onnx::ModelProto& model, const std::vector<std::string>& tensors,
                                              const std::vector<Tensor>& feed) {
  std::vector<std::vector<float>> values(tensors.size());
  const absl::Status status = VisitTensors(
      model, tensors, 1, [&](size_t) { return feed; }, {},
      [&](size_t /*sample*/, size_t tensor, const TensorView& value) {
        values[tensor].assign(value.values<float>().begin(), value.values<float>().end());
      });
  EXPECT_TRUE(status.ok()) << status;
  return values;
}

inline StatisticsOfTensors ObserveAll(const Graph& graph, const std::vector<ObservedTensor>& tensors, size_t samples,
                                      const LoadSampleFunction& load) {
  StatisticsOfTensors statistics;
  absl::StatusOr<std::vector<TensorStatistics>> observed = Observe(graph.model(), tensors, samples, load, {});
  EXPECT_TRUE(observed.ok()) << observed.status();
  for (size_t i = 0; observed.ok() && i < tensors.size(); ++i) {
    statistics.emplace(tensors[i].name, std::move((*observed)[i]));
  }
  return statistics;
}

}  // namespace joinery::compiler
