#include "compiler/frontend/verify_equivalence.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr double kRelativeTolerance = 1e-3;
// For tensors that are all zeros but for rounding.
constexpr double kAbsoluteTolerance = 1e-6;

// How floats differ, or nothing if they agree.
template <typename T>
std::optional<std::string> CompareFloats(absl::Span<const T> original, absl::Span<const T> simplified) {
  double squares = 0;
  int64_t num_finite = 0;
  double worst = 0;
  size_t worst_at = 0;
  for (size_t i = 0; i < original.size(); ++i) {
    const double want = original[i];
    const double got = simplified[i];
    if (std::isnan(want) || want == got) {
      if (!std::isfinite(want)) continue;
    }
    if (std::isfinite(want)) {
      squares += want * want;
      ++num_finite;
    }
    const double difference = std::isfinite(want) && std::isfinite(got) ? std::abs(want - got) : HUGE_VAL;
    if (want != got && difference > worst) {
      worst = difference;
      worst_at = i;
    }
  }
  const double rms = num_finite == 0 ? 0 : std::sqrt(squares / static_cast<double>(num_finite));
  if (worst <= kRelativeTolerance * rms + kAbsoluteTolerance) return std::nullopt;
  return absl::StrCat("element ", worst_at, " is ", simplified[worst_at], ", was ", original[worst_at],
                      " (root mean square ", rms, ")");
}

// How the tensors differ, or nothing if they agree.
std::optional<std::string> CompareTensors(const Tensor& original, const TensorView& simplified) {
  if (original.element_type != simplified.element_type) {
    return absl::StrCat("is ", ElementTypeName(simplified.element_type), ", was ",
                        ElementTypeName(original.element_type));
  }
  if (absl::MakeConstSpan(original.shape) != simplified.shape) {
    return absl::StrCat("has ", simplified.shape.size(), " dimensions of other sizes than before");
  }
  if (original.element_type == onnx::TensorProto::FLOAT) {
    return CompareFloats(original.values<float>(), simplified.values<float>());
  }
  if (original.element_type == onnx::TensorProto::DOUBLE) {
    return CompareFloats(original.values<double>(), simplified.values<double>());
  }
  if (absl::MakeConstSpan(original.bytes) != simplified.bytes) return "has other elements";
  return std::nullopt;
}

// For each of `names` its place in `specs`. kInternal if one is missing or the numbers differ.
absl::StatusOr<std::vector<size_t>> Match(const std::vector<TensorSpec>& names, const std::vector<TensorSpec>& specs,
                                          absl::string_view what) {
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < specs.size(); ++i) places[specs[i].name] = i;
  std::vector<size_t> matches;
  matches.reserve(names.size());
  for (const TensorSpec& spec : names) {
    const auto place = places.find(spec.name);
    if (place == places.end() || names.size() != specs.size()) {
      return absl::InternalError(
          absl::StrCat("the simplified model does not have the same ", what, ": \"", spec.name, "\""));
    }
    matches.push_back(place->second);
  }
  return matches;
}

// Tensors of dense numbers that the nodes of the graph make, as far as their types are known.
std::unordered_set<std::string> ComparableTensors(const onnx::GraphProto& graph) {
  std::unordered_set<std::string> made;
  for (const onnx::NodeProto& node : graph.node()) made.insert(node.output().begin(), node.output().end());
  std::unordered_set<std::string> comparable;
  const auto add = [&](const onnx::ValueInfoProto& value) {
    const bool is_dense = value.type().has_tensor_type() && ElementSize(value.type().tensor_type().elem_type()) > 0;
    if (is_dense && made.contains(value.name())) comparable.insert(value.name());
  };
  for (const onnx::ValueInfoProto& value : graph.value_info()) add(value);
  for (const onnx::ValueInfoProto& value : graph.output()) add(value);
  return comparable;
}

onnx::ModelProto WithOutputs(onnx::ModelProto model, const std::vector<std::string>& names) {
  model.mutable_graph()->clear_output();
  for (const std::string& name : names) model.mutable_graph()->add_output()->set_name(name);
  return model;
}

// Who makes each tensor, in the order of the original's nodes.
struct Made {
  std::string tensor;
  std::string producer;
};

std::vector<Made> TensorsInBoth(const onnx::GraphProto& original, const onnx::GraphProto& simplified) {
  const std::unordered_set<std::string> comparable = ComparableTensors(simplified);
  std::vector<Made> both;
  for (const onnx::NodeProto& node : original.node()) {
    for (const std::string& output : node.output()) {
      if (comparable.contains(output)) both.push_back({output, Describe(node)});
    }
  }
  return both;
}

}  // namespace

absl::StatusOr<EquivalenceChecker> EquivalenceChecker::Create(const onnx::ModelProto& original,
                                                              const onnx::ModelProto& simplified, int threads) {
  EquivalenceChecker checker(original, simplified, threads);
  const ExecutorOptions options{.threads = threads, .optimize = true};
  ASSIGN_OR_RETURN(checker.original_, LoadOnnxRuntime(original, options));
  absl::StatusOr<std::unique_ptr<Executor>> loaded = LoadOnnxRuntime(simplified, options);
  if (!loaded.ok()) return base::Annotate(loaded.status(), "after simplification");
  checker.simplified_ = *std::move(loaded);
  RETURN_IF_ERROR(Match(checker.original_->inputs(), checker.simplified_->inputs(), "inputs").status());
  RETURN_IF_ERROR(Match(checker.original_->outputs(), checker.simplified_->outputs(), "outputs").status());
  return checker;
}

absl::StatusOr<std::vector<Disagreement>> EquivalenceChecker::Compare(Executor& original, Executor& simplified,
                                                                      absl::Span<const Tensor> feed) const {
  // The feed is in the order of the simplified model's inputs.
  ASSIGN_OR_RETURN(const std::vector<size_t> inputs, Match(original.inputs(), simplified.inputs(), "inputs"));
  ASSIGN_OR_RETURN(const std::vector<size_t> outputs, Match(simplified.outputs(), original.outputs(), "outputs"));
  if (feed.size() != inputs.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the model has ", inputs.size(), " inputs, got ", feed.size(), " tensors"));
  }
  std::vector<Tensor> original_feed;
  original_feed.reserve(inputs.size());
  for (const size_t input : inputs) original_feed.push_back(feed[input]);
  ASSIGN_OR_RETURN(const std::vector<Tensor> want, RunToTensors(original, original_feed));
  std::vector<Disagreement> disagreements;
  RETURN_IF_ERROR(simplified.Run(feed, [&](size_t i, const TensorView& got) {
    const std::optional<std::string> difference = CompareTensors(want[outputs[i]], got);
    if (difference.has_value()) disagreements.push_back({simplified.outputs()[i].name, "", *difference});
  }));
  return disagreements;
}

absl::StatusOr<std::vector<Disagreement>> EquivalenceChecker::CompareEverything(absl::Span<const Tensor> feed) const {
  const std::vector<Made> both = TensorsInBoth(original_model_->graph(), simplified_model_->graph());
  std::vector<std::string> names;
  std::unordered_map<std::string, size_t> order;
  for (const Made& made : both) {
    order[made.tensor] = names.size();
    names.push_back(made.tensor);
  }
  const ExecutorOptions options{.threads = threads_, .optimize = false};
  ASSIGN_OR_RETURN(const auto original, LoadOnnxRuntime(WithOutputs(*original_model_, names), options));
  ASSIGN_OR_RETURN(const auto simplified, LoadOnnxRuntime(WithOutputs(*simplified_model_, names), options));
  ASSIGN_OR_RETURN(std::vector<Disagreement> found, Compare(*original, *simplified, feed));
  std::sort(found.begin(), found.end(), [&](const Disagreement& left, const Disagreement& right) {
    return order.at(left.tensor) < order.at(right.tensor);
  });
  for (Disagreement& disagreement : found) disagreement.producer = both[order.at(disagreement.tensor)].producer;
  return found;
}

absl::Status EquivalenceChecker::Check(absl::Span<const Tensor> feed) {
  ASSIGN_OR_RETURN(const std::vector<Disagreement> outputs, Compare(*original_, *simplified_, feed));
  if (outputs.empty()) return absl::OkStatus();
  // Where they first part says more than where it comes out.
  const absl::StatusOr<std::vector<Disagreement>> all = CompareEverything(feed);
  const bool is_traced = all.ok() && !all->empty();
  const Disagreement& first = is_traced ? all->front() : outputs.front();
  const std::string producer = is_traced ? absl::StrCat(", made by node ", first.producer) : "";
  return absl::InternalError(absl::StrCat("the simplified model computes something else than the original: tensor \"",
                                          first.tensor, "\"", producer, ": ", first.difference));
}

absl::Status VerifyEquivalence(const onnx::ModelProto& original, const onnx::ModelProto& simplified,
                               absl::Span<const std::vector<Tensor>> feeds) {
  ASSIGN_OR_RETURN(EquivalenceChecker checker, EquivalenceChecker::Create(original, simplified, /*threads=*/1));
  for (const std::vector<Tensor>& feed : feeds) RETURN_IF_ERROR(checker.Check(feed));
  return absl::OkStatus();
}

}  // namespace joinery::compiler
