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

// Every algorithm that changes one layer after the other by what the changed network computes would run the layers
// before it again and again; here each is run once. Activations are held as integers where the model quantizes them:
// DequantizeLinear belongs to its readers, and is repeated in every part that has one. Not thread-safe.
class HeldRun {
 public:
  // `model` has its nodes in topological order. `load` as in VisitTensors, for samples 0 to num_samples - 1.
  static absl::StatusOr<HeldRun> Start(const onnx::ModelProto& model, size_t num_samples, const LoadSampleFunction& load,
                                       int threads);

  // One more than the place of the node that makes `tensor`: where it is to be had. 0 if there is none.
  size_t PlaceAfter(const std::string& tensor) const;

  // Runs the nodes before `place` that did not run yet, on all samples.
  // Errors: those of loading the part and of running.
  absl::Status RunTo(size_t place);

  // Of one sample; null if it was not made yet, or no later node reads it. What the node right before the place of the
  // last RunTo made is always held.
  Tensor* Held(size_t sample, const std::string& tensor);

  // What did not run yet, up to the model's outputs, loaded with additional inputs.
  struct Rest {
    std::unique_ptr<Executor> executor;
    // What it reads of the tensors that are held, its first inputs.
    std::vector<std::string> held;
  };
  // `parameters` are initializers of the model that become inputs, behind the others and in this order, all of them.
  absl::StatusOr<Rest> LoadRest(const std::vector<std::string>& parameters);

  size_t num_samples() const { return held_.size(); }

 private:
  struct Part {
    onnx::ModelProto model;
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;
  };

  HeldRun(const onnx::ModelProto& model, int threads);

  bool IsLazy(const onnx::NodeProto& node) const;
  // Calls `visit` with what is computed that `tensor` is made of: itself, or what its DequantizeLinear reads.
  void ForEachSource(const std::string& tensor, const std::function<void(const std::string&)>& visit);
  void FindLastReaders();
  bool IsReadAfter(const std::string& tensor, size_t place) const;
  void AddSource(const std::string& tensor, size_t begin, Part& part, std::unordered_set<std::string>& seen);
  void AddInput(const std::string& tensor, const Tensor& value, onnx::GraphProto& graph) const;
  // The nodes from `begin` to before `end`.
  Part Cut(size_t begin, size_t end, const std::vector<std::string>& parameters);

  // The model without its nodes' order being changed.
  std::unique_ptr<Graph> graph_;
  int threads_;
  std::vector<const onnx::NodeProto*> nodes_;
  std::unordered_map<std::string, size_t> place_of_;
  // The place of the last node that reads a tensor; that of none for outputs of the model.
  std::unordered_map<std::string, size_t> last_reader_;
  std::unordered_map<std::string, const onnx::ValueInfoProto*> output_of_;
  size_t place_ = 0;
  std::vector<std::unordered_map<std::string, Tensor>> held_;
};

}  // namespace joinery::compiler
