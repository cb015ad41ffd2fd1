// What each algorithm of a quantization gained, measured one after the other.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "compiler/execution/executor.h"
#include "compiler/ir/tensor.h"
#include "compiler/precision_search.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Not thread-safe.
class AlgorithmGains {
 public:
  // Compares with `model`, the float network, on `samples`.
  // Errors: those of loading and running the model.
  static absl::StatusOr<AlgorithmGains> Create(const onnx::ModelProto& model, std::vector<std::vector<Tensor>> samples,
                                               const ExecutorOptions& execution);

  // Measures the network as it is with one algorithm more than at the call before. The first call, whose network is
  // what the others are compared with, needs no name.
  absl::Status Add(const std::string& algorithm, const Quantizable& network);

  // One for each call but the first: the SQNR of all outputs, the least of them if there are several.
  const std::vector<v1::AlgorithmGain>& gains() const { return gains_; }

 private:
  AlgorithmGains(std::vector<std::vector<Tensor>> samples, const ExecutorOptions& execution)
      : samples_(std::move(samples)), execution_(execution) {}

  std::vector<std::vector<Tensor>> samples_;
  // What the float network makes of each. Kept, because the network itself would take more memory.
  std::vector<std::vector<Tensor>> expected_;
  ExecutorOptions execution_;
  std::optional<double> before_;
  std::vector<v1::AlgorithmGain> gains_;
};

}  // namespace joinery::compiler
