// Runs a model on several samples at once, one part after the other, and holds only what later parts read.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/calibration/observe.h"
#include "compiler/execution/executor.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {

// Whoever changes one layer after the other by what the changed network computes would run what comes before it again
// and again; here every node runs once. DequantizeLinear is repeated in every part that reads its output, so that
// activations are held as integers where the model quantizes them. Not thread-safe.
class HeldRun {
 public:
  // The nodes of `model` are in topological order. `load` makes the feed of samples 0 to num_samples - 1; any thread
  // may call it. `threads` samples run at once. Errors: those of `load`.
  static absl::StatusOr<HeldRun> Start(onnx::ModelProto model, size_t num_samples, const LoadSampleFunction& load,
                                       int threads);

  size_t num_nodes() const { return nodes_.size(); }
  size_t num_samples() const { return held_.size(); }
  // Where in the order of nodes the one that makes `tensor` is; num_nodes() if there is none.
  size_t PlaceOf(const std::string& tensor) const;

  // Runs the nodes before `end` that did not run yet, on all samples. Errors: those of loading the part and of running.
  absl::Status RunTo(size_t end);

  // Null if it was not made yet, or no node to come reads it. What the last node of the last RunTo made is held.
  Tensor* Held(size_t sample, const std::string& tensor);

  // What did not run yet, up to the model's outputs, as a model of its own.
  struct Rest {
    std::unique_ptr<Executor> executor;
    // Its first inputs: of what is held, what it reads.
    std::vector<std::string> held;
  };
  // Those of the initializers `parameters` that it reads become inputs behind the others, in the order of `parameters`.
  // Errors: those of loading.
  absl::StatusOr<Rest> LoadRest(const std::vector<std::string>& parameters);

  // Whether what did not run yet reads the initializer.
  bool IsReadByRest(const std::string& initializer) const;

  // Gives the initializer of this name another value, for what did not run yet.
  void SetInitializer(const onnx::TensorProto& value);

 private:
  struct Part {
    onnx::ModelProto model;
    std::vector<std::string> held;
    std::vector<std::string> outputs;
  };

  HeldRun(onnx::ModelProto model, int threads);

  // What `tensor` is made of: itself, or what the DequantizeLinear that makes it reads.
  void ForEachSource(const std::string& tensor, const std::function<void(const std::string&)>& visit);
  bool IsReadFrom(const std::string& tensor, size_t place) const;
  // The nodes from place_ to before `end`, with what they are made of; without what comes out.
  Part Cut(size_t end);
  absl::Status RunSample(Executor& executor, const Part& part, std::unordered_map<std::string, Tensor>& held) const;

  std::unique_ptr<Graph> graph_;
  int threads_;
  std::vector<const onnx::NodeProto*> nodes_;
  std::unordered_map<std::string, size_t> place_of_;
  // The place of the last node that reads a tensor or what is dequantized of it; outputs are read at the end.
  std::unordered_map<std::string, size_t> last_reader_;
  // The nodes before it have run.
  size_t place_ = 0;
  std::vector<std::unordered_map<std::string, Tensor>> held_;
};

}  // namespace joinery::compiler
