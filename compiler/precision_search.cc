#include "compiler/precision_search.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/evaluation/compare_models.h"
#include "compiler/evaluation/layer_analysis.h"
#include "compiler/execution/executor.h"
#include "compiler/ir/multiplications.h"
#include "compiler/ir/tensor.h"
#include "compiler/quantization/apply.h"
#include "compiler/quantization/keep_pixels.h"
#include "compiler/quantization/layer_bits.h"
#include "compiler/quantization/quantizer.h"

namespace joinery::compiler {
namespace {

// Samples on which each layer is run alone.
constexpr size_t kRankingSamples = 4;

// Multiplications of a layer, or values of its output where it has none.
std::unordered_map<std::string, double> CountOperations(const onnx::ModelProto& model) {
  Graph graph(model);
  std::unordered_map<std::string, double> operations;
  for (const onnx::NodeProto* node : graph.nodes()) {
    int64_t count = CountMultiplications(graph, *node);
    if (count == 0) count = NumElements(graph.Shape(node->output(0)).value_or(std::vector<int64_t>()));
    for (const std::string& output : node->output()) operations[output] = static_cast<double>(count);
  }
  return operations;
}

struct Candidate {
  std::string name;
  // What its nodes make.
  std::vector<std::string> tensors;
  double contribution = 0;
  double operations = 0;
};

class Search {
 public:
  Search(const Quantizable& network, const PrecisionGoal& goal, const ChosenBits& chosen,
         const PrecisionSearchOptions& options)
      : network_(network), goal_(goal), chosen_(chosen), options_(options) {}

  absl::StatusOr<PrecisionSearchResult> Run() {
    ASSIGN_OR_RETURN(reference_,
                     LoadOnnxRuntime(network_.model, {.threads = options_.threads, .device = options_.device}));
    ASSIGN_OR_RETURN(const bool suffices, Try(0));
    if (!suffices) {
      RETURN_IF_ERROR(options_.on_progress(0.1));
      RETURN_IF_ERROR(Rank());
      RETURN_IF_ERROR(options_.on_progress(0.4));
      RETURN_IF_ERROR(Halve());
    } else {
      is_reached_ = true;
    }
    PrecisionSearchResult result{ChosenOf(count_), is_reached_, {}};
    for (auto& [count, point] : tried_) result.curve.push_back(std::move(point));
    return result;
  }

 private:
  absl::Status Halve() {
    size_t too_few = 0;
    size_t enough = candidates_.size();
    count_ = enough;
    ASSIGN_OR_RETURN(is_reached_, Try(enough));
    if (!is_reached_) return absl::OkStatus();
    double fraction = 0.5;
    while (enough - too_few > 1) {
      RETURN_IF_ERROR(options_.on_progress(fraction));
      fraction += (1 - fraction) / 4;
      // The fewest are usually a small part of all.
      const size_t middle = too_few + std::max<size_t>(1, (enough - too_few) / 3);
      ASSIGN_OR_RETURN(const bool suffices, Try(middle));
      (suffices ? enough : too_few) = middle;
    }
    count_ = enough;
    return absl::OkStatus();
  }

  absl::Status Rank() {
    ASSIGN_OR_RETURN(Quantized all, QuantizeAs(network_, chosen_));
    ASSIGN_OR_RETURN(const v1::Precision analysis,
                     AnalyzeLayers(network_.model, all.graph->model(), options_.load,
                                   {.num_samples = std::min(kRankingSamples, options_.num_samples),
                                    .threads = options_.threads,
                                    .device = options_.device,
                                    .measure_contributions = true}));
    const std::unordered_map<std::string, double> operations = CountOperations(network_.model);
    std::unordered_map<std::string, std::string> made_by;
    for (const onnx::NodeProto& node : network_.model.graph().node()) {
      // As layers are named: a node without a name after what it makes.
      made_by[node.name().empty() ? node.output(0) : node.name()] = node.output(0);
    }
    for (const double count : ValuesOf(operations)) all_operations_ += count;
    for (const v1::LayerPrecision& layer : analysis.layers()) {
      if (layer.bits() != 8 || layer.op_type() == "Input") continue;
      Candidate candidate{layer.name(), {layer.tensor()}, layer.contribution(), 0};
      const auto maker = made_by.find(layer.name());
      if (maker != made_by.end() && maker->second != layer.tensor()) candidate.tensors.push_back(maker->second);
      for (const std::string& tensor : candidate.tensors) {
        const auto found = operations.find(tensor);
        if (found != operations.end()) candidate.operations += found->second;
      }
      candidates_.push_back(std::move(candidate));
    }
    const bool by_cost = goal_.bits == v1::LAYER_BITS_16;
    std::stable_sort(candidates_.begin(), candidates_.end(), [by_cost](const Candidate& a, const Candidate& b) {
      return by_cost ? a.contribution * b.operations > b.contribution * a.operations : a.contribution > b.contribution;
    });
    return absl::OkStatus();
  }

  static std::vector<double> ValuesOf(const std::unordered_map<std::string, double>& map) {
    std::vector<double> values;
    values.reserve(map.size());
    for (const auto& [name, value] : map) values.push_back(value);
    // The order of a hash table is not the same everywhere, and sums depend on it.
    std::sort(values.begin(), values.end());
    return values;
  }

  ChosenBits ChosenOf(size_t count) const {
    ChosenBits chosen = chosen_;
    for (size_t i = 0; i < count; ++i) {
      for (const std::string& tensor : candidates_[i].tensors) chosen[tensor] = goal_.bits;
    }
    return chosen;
  }

  // Whether the first `count` candidates suffice.
  absl::StatusOr<bool> Try(size_t count) {
    ASSIGN_OR_RETURN(const Quantized quantized, QuantizeAs(network_, ChosenOf(count)));
    ASSIGN_OR_RETURN(
        const std::unique_ptr<Executor> executor,
        LoadOnnxRuntime(quantized.graph->model(), {.threads = options_.threads, .device = options_.device}));
    ModelComparison comparison(*reference_, *executor);
    for (size_t sample = 0; sample < options_.num_samples; ++sample) {
      ASSIGN_OR_RETURN(const std::vector<Tensor> feed, options_.load(sample));
      RETURN_IF_ERROR(comparison.Add(feed));
    }
    const v1::Precision precision = comparison.ToProto();
    double cosine = 1;
    double sqnr_db = std::numeric_limits<double>::infinity();
    for (const v1::OutputPrecision& output : precision.outputs()) {
      cosine = std::min(cosine, output.cosine_mean());
      sqnr_db = std::min(sqnr_db, output.sqnr_db());
    }
    double operations = 0;
    for (size_t i = 0; i < count; ++i) operations += candidates_[i].operations;
    v1::TradeOffPoint& point = tried_[count];
    point.set_share_16_bit(static_cast<float>(all_operations_ > 0 ? operations / all_operations_ : 0));
    point.set_cosine(static_cast<float>(cosine));
    point.set_sqnr_db(static_cast<float>(sqnr_db));
    if (count > 0) point.set_layer(candidates_[count - 1].name);
    return cosine >= goal_.cosine && (goal_.sqnr_db == 0 || sqnr_db >= goal_.sqnr_db);
  }

  const Quantizable& network_;
  const PrecisionGoal& goal_;
  const ChosenBits& chosen_;
  const PrecisionSearchOptions& options_;
  std::unique_ptr<Executor> reference_;
  std::vector<Candidate> candidates_;
  double all_operations_ = 0;
  // By the number of candidates.
  std::map<size_t, v1::TradeOffPoint> tried_;
  size_t count_ = 0;
  bool is_reached_ = false;
};

}  // namespace

absl::StatusOr<BitsOfNode> ResolveWithChosen(const v1::Quantization& quantization, const ChosenBits& chosen,
                                             Graph& graph, std::vector<std::string>& notes) {
  ASSIGN_OR_RETURN(BitsOfNode configured, ResolveLayerFormats(quantization, graph, notes));
  return [&chosen, configured = std::move(configured)](const onnx::NodeProto& node) {
    for (const std::string& output : node.output()) {
      if (const auto found = chosen.find(output); found != chosen.end()) return found->second;
    }
    return configured == nullptr ? v1::LAYER_BITS_UNSPECIFIED : configured(node);
  };
}

absl::StatusOr<Quantized> QuantizeAs(const Quantizable& network, const ChosenBits& chosen) {
  Quantized result{std::make_unique<Graph>(network.model), {}, {}};
  Graph& graph = *result.graph;
  std::vector<const onnx::NodeProto*> left_out;
  left_out.reserve(network.left_out.size());
  for (const std::string& tensor : network.left_out) left_out.push_back(graph.Producer(tensor));
  std::vector<std::string> notes;
  ASSIGN_OR_RETURN(const BitsOfNode bits_of,
                   ResolveWithChosen(network.configuration.quantization(), chosen, graph, notes));
  result.plan = PlanQuantization(graph, left_out, bits_of, network.on_cpu);
  ASSIGN_OR_RETURN(
      result.quantization.activations,
      ChooseParameters(graph, result.plan, network.statistics, network.factors, network.configuration.calibration()));
  for (size_t i = 0; i < result.plan.groups.size(); ++i) {
    const ActivationGroup& group = result.plan.groups[i];
    const auto found = group.tensors.empty() ? network.refined.end() : network.refined.find(group.tensors.front());
    if (group.bits == 8 && found != network.refined.end()) result.quantization.activations[i] = found->second;
  }
  for (const LinearNode& linear : result.plan.linear_nodes) {
    const auto found = network.linear.find(linear.node->output(0));
    if (found == network.linear.end()) {
      return absl::InternalError(absl::StrCat("layer ", Describe(*linear.node), " has no quantized weights"));
    }
    result.quantization.linear.push_back(found->second);
  }
  RETURN_IF_ERROR(ApplyQuantization(graph, result.plan, result.quantization));
  RETURN_IF_ERROR(RemoveIdentityPreprocessing(graph).status());
  return result;
}

absl::StatusOr<PrecisionSearchResult> SearchPrecision(const Quantizable& network, const PrecisionGoal& goal,
                                                      const ChosenBits& chosen, const PrecisionSearchOptions& options) {
  return Search(network, goal, chosen, options).Run();
}

}  // namespace joinery::compiler
