#include "compiler/target/network_partition.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/backend/parts.h"
#include "compiler/ir/tensor.h"
#include "compiler/ir/tensor_proto.h"
#include "compiler/quantization/operators.h"
#include "compiler/target/cost_model.h"
#include "compiler/target/layer_shapes.h"
#include "compiler/target/support.h"
#include "compiler/target/target.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {
namespace {

constexpr double kPerSecond = 1e6;
// Stands for chips of the newer tool that nobody has described.
constexpr char kStandIn[] = "AX650N";

// Assumed, as nothing is published: what it takes to wake the CPU for a part, and to see to a tensor that is handed
// over (caches, an entry in a list). Only their order of magnitude matters: a part costs what some thousand numbers do.
constexpr double kCpuPartSeconds = 20e-6;
constexpr double kTensorSeconds = 5e-6;

// Half of the estimates are further off than this: less is not worth a part.
constexpr double kWorthOfParts = 0.2;

// For a chip of which no figures are known, so that layers stay on the NPU and hand-overs are few.
constexpr double kUnknownPartSeconds = 500e-6;
constexpr double kUnknownNodeSeconds = 10e-6;
constexpr double kUnknownLayerSecondsOnCpu = 1e-3;

// What the newer tool computes in float on the NPU, as its documentation says.
bool RunsInFloat(const v1::TargetDescription& target, const onnx::NodeProto& node) {
  const auto& types = target.activation_types();
  if (std::find(types.begin(), types.end(), "FP32") == types.end()) return false;
  static const auto* operators =
      new std::set<std::string>{"LeakyRelu", "Sigmoid", "Relu", "Add", "Mul", "Div", "Sub", "Concat", "Softmax"};
  return operators->contains(node.op_type());
}

// 0 if it is not known.
double BytesOf(Graph& graph, const std::string& tensor) {
  const auto shape = graph.Shape(tensor);
  const size_t element = ElementSize(graph.ElementType(tensor));
  return shape.has_value() ? static_cast<double>(NumElements(*shape)) * static_cast<double>(element) : 0;
}

HandOverCosts HandOver(const v1::TargetDescription& target, const CostModel* model) {
  const double start = model == nullptr ? kUnknownPartSeconds : model->network_overhead_us() / kPerSecond;
  HandOverCosts costs{start, kCpuPartSeconds, kTensorSeconds, 0};
  const double bandwidth = target.memory().bandwidth_gb_per_s().value() * 1e9;
  if (bandwidth > 0) costs.seconds_per_byte = 1 / bandwidth;
  return costs;
}

class Placer {
 public:
  Placer(Graph& graph, absl::Span<const onnx::NodeProto* const> left_out, const BitsOfNode& bits_of,
         const v1::Target& target, const v1::TargetDescription& description)
      : graph_(graph),
        nodes_(graph.nodes()),
        left_out_(left_out.begin(), left_out.end()),
        bits_of_(bits_of),
        target_(target),
        description_(description),
        plan_(PlanQuantization(graph, left_out, bits_of)) {}

  absl::StatusOr<NetworkPartition> Place(const CostModel* model) {
    RETURN_IF_ERROR(FindCuts());
    FindTail();
    for (const v1::FloatNode& node : plan_.float_nodes) float_reasons_.emplace(node.name(), node.reason());
    for (const onnx::NodeProto* node : nodes_) obstacles_.push_back(Obstacle(*node));
    std::vector<NodeCosts> costs = Estimate(model);
    const std::unordered_set<const onnx::NodeProto*> behind_obstacles = FindBehindObstacles();
    bool has_layer = false;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      costs[i].may_run_on_npu = obstacles_[i].empty();
      const bool is_layer = layers_.contains(nodes_[i]);
      const bool needs_no_cpu = !behind_obstacles.contains(nodes_[i]);
      costs[i].is_wanted_on_npu =
          obstacles_[i].empty() && (target_.cut_tensors_size() > 0 || (is_layer && needs_no_cpu));
      has_layer = has_layer || (obstacles_[i].empty() && is_layer);
    }
    std::vector<NodeCosts> weighed = costs;
    for (NodeCosts& cost : weighed) {
      // That the CPU is quicker is no reason to leave the NPU: it has other work. Saving a hand-over is one.
      if (cost.may_run_on_npu) cost.cpu_seconds = std::max(cost.cpu_seconds, cost.npu_seconds);
    }
    return Describe(PartitionGraph(graph_, weighed, HandOver(description_, model), has_layer, kWorthOfParts), costs);
  }

 private:
  // What depends on a cut is behind it.
  absl::Status FindCuts() {
    std::unordered_map<std::string, std::string> cut_before;
    for (const std::string& cut : target_.cut_tensors()) {
      if (graph_.Producer(cut) == nullptr) {
        return absl::InvalidArgumentError(absl::StrCat(
            "cut_tensors: the network computes no tensor \"", cut,
            "\", or none any more where operators were fused; give one that an operator of the model makes"));
      }
      cut_before.emplace(cut, cut);
    }
    for (const onnx::NodeProto* node : nodes_) {
      std::string cut;
      ForEachInput(*node, [&](const std::string& input) {
        if (const auto found = cut_before.find(input); found != cut_before.end()) cut = found->second;
      });
      if (cut.empty()) continue;
      cut_before_.emplace(node, cut);
      for (const std::string& output : node->output()) cut_before.emplace(output, cut);
    }
    return absl::OkStatus();
  }

  // Layers are what other operators are quantized for; no layer reads what comes of the tail.
  void FindTail() {
    for (const onnx::NodeProto* node : plan_.quantized_nodes) {
      const OperatorRule* rule = FindOperatorRule(*node);
      if (rule == nullptr || rule->role == OperatorRole::kPassThrough || IsPointwise(graph_, *node)) continue;
      layers_.insert(node);
    }
    std::unordered_set<std::string> before_layers;
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      const bool leads_to_layer =
          std::any_of((*node)->output().begin(), (*node)->output().end(),
                      [&](const std::string& output) { return before_layers.contains(output); });
      if (!leads_to_layer) tail_.insert(*node);
      if (!leads_to_layer && !layers_.contains(*node)) continue;
      ForEachInput(**node, [&](const std::string& input) { before_layers.insert(input); });
    }
  }

  // Why the node cannot be on the NPU; empty if it can.
  std::string Obstacle(const onnx::NodeProto& node) {
    if (const auto cut = cut_before_.find(&node); cut != cut_before_.end()) {
      return absl::StrCat("it is behind the cut at \"", cut->second, "\"");
    }
    if (left_out_.contains(&node)) return "";
    const Support support = CheckNode(graph_, node, description_);
    if (support.placement == Support::Placement::kCpu || support.placement == Support::Placement::kImpossible) {
      return absl::StrCat("runs on the CPU: ", support.reason);
    }
    const auto reason = float_reasons_.find(node.name().empty() ? MadeBy(node) : node.name());
    const bool is_float = reason != float_reasons_.end();
    const bool is_asked_for = bits_of_ && bits_of_(node) == v1::LAYER_BITS_FLOAT;
    if (is_float && is_asked_for && !RunsInFloat(description_, node)) {
      left_float_.insert(&node);
      return reason->second;
    }
    if (!tail_.contains(&node) || is_asked_for) return "";
    const auto& spoiled = description_.cpu_tail_operators();
    if (std::find(spoiled.begin(), spoiled.end(), node.op_type()) == spoiled.end()) {
      return is_float ? reason->second : "";
    }
    return absl::StrCat("runs on the CPU: 8 bits would spoil what ", node.op_type(), " makes of the network's results");
  }

  // Nodes that depend on one that the NPU cannot run. Those that depend on what is left float by configuration do not
  // count: nobody asked for them to leave the NPU.
  std::unordered_set<const onnx::NodeProto*> FindBehindObstacles() {
    std::unordered_set<std::string> tensors;
    std::unordered_set<const onnx::NodeProto*> behind;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      bool is_behind = false;
      ForEachInput(*nodes_[i], [&](const std::string& input) { is_behind = is_behind || tensors.contains(input); });
      if (is_behind) behind.insert(nodes_[i]);
      const bool is_obstacle = !obstacles_[i].empty() && !left_float_.contains(nodes_[i]);
      if (is_behind || is_obstacle) tensors.insert(nodes_[i]->output().begin(), nodes_[i]->output().end());
    }
    return behind;
  }

  // An operator and the activation behind it are one to the chip: the first node takes the time of both.
  std::vector<NodeCosts> Estimate(const CostModel* model) {
    if (model == nullptr) return Guess();
    std::vector<NodeCosts> costs(nodes_.size());
    std::unordered_map<std::string, size_t> node_of;
    for (size_t i = 0; i < nodes_.size(); ++i) node_of.emplace(MadeBy(*nodes_[i]), i);
    for (LayerShape& layer : ListLayers(graph_)) {
      const auto first = layer.tensors.empty() ? node_of.end() : node_of.find(layer.tensors.front());
      if (first == node_of.end() || left_out_.contains(nodes_[first->second])) continue;
      costs[first->second].npu_seconds = model->Estimate(layer).time_us() / kPerSecond;
      layer.on_cpu = true;
      costs[first->second].cpu_seconds = model->Estimate(layer).time_us() / kPerSecond;
    }
    return costs;
  }

  std::vector<NodeCosts> Guess() {
    std::vector<NodeCosts> costs;
    for (const onnx::NodeProto* node : nodes_) {
      const bool is_layer = layers_.contains(node);
      const double seconds = left_out_.contains(node) ? 0 : kUnknownNodeSeconds;
      costs.push_back({false, false, seconds, is_layer ? kUnknownLayerSecondsOnCpu : seconds});
    }
    return costs;
  }

  NetworkPartition Describe(const Partition& partition, const std::vector<NodeCosts>& costs) {
    std::unordered_map<const onnx::NodeProto*, size_t> number_of;
    for (size_t i = 0; i < nodes_.size(); ++i) number_of.emplace(nodes_[i], i);
    NetworkPartition described;
    for (const DevicePart& part : partition.parts) {
      NetworkPart& added = described.parts.emplace_back(NetworkPart{part.name, part.device, 0});
      for (const onnx::NodeProto* node : part.nodes) {
        const size_t number = number_of.at(node);
        added.seconds += part.device == PartDevice::kNpu ? costs[number].npu_seconds : costs[number].cpu_seconds;
        described.part_of.emplace(MadeBy(*node), described.parts.size() - 1);
        if (part.device == PartDevice::kNpu) continue;
        const std::string& obstacle = obstacles_[number];
        described.on_cpu.emplace(
            MadeBy(*node), obstacle.empty() ? "runs on the CPU with what is around it: saves a hand-over" : obstacle);
      }
    }
    return described;
  }

  Graph& graph_;
  std::vector<onnx::NodeProto*> nodes_;
  std::unordered_set<const onnx::NodeProto*> left_out_;
  const BitsOfNode& bits_of_;
  const v1::Target& target_;
  const v1::TargetDescription& description_;
  // If everything were on the NPU.
  QuantizationPlan plan_;
  std::unordered_map<std::string, std::string> float_reasons_;
  std::unordered_map<const onnx::NodeProto*, std::string> cut_before_;
  std::unordered_set<const onnx::NodeProto*> layers_;
  std::unordered_set<const onnx::NodeProto*> tail_;
  // Of each node.
  std::vector<std::string> obstacles_;
  // On the CPU for the configuration's sake only.
  std::unordered_set<const onnx::NodeProto*> left_float_;
};

class Labeller {
 public:
  Labeller(const NetworkPartition& partition, Graph& graph) : parts_(partition.parts), graph_(graph) {
    for (size_t i = 0; i < parts_.size(); ++i) place_of_.emplace(parts_[i].name, i);
  }

  absl::Status Label() {
    KeepCpuResultsFloat();
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (PartOf(*node).empty() && node->op_type() == "QuantizeLinear") Set(node, PartOfQuantize(*node));
    }
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (PartOf(*node).empty() && node->op_type() == "DequantizeLinear") PlaceDequantize(node);
    }
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (PartOf(*node).empty()) Set(node, FirstReader(MadeBy(*node)).value_or(parts_.size() - 1));
    }
    return graph_.SortTopologically();
  }

 private:
  // X -> QuantizeLinear  ⇒  X_computed -> Max with the lowest number -> X -> QuantizeLinear, for what the CPU makes. A
  // runtime that sees a QuantizeLinear behind an operator computes the operator in 8 bits, and rounds its weights, too.
  // ONNX Runtime does not look beyond a Max, nor does it take it away.
  void KeepCpuResultsFloat() {
    std::map<std::string, size_t> results;
    for (const onnx::NodeProto* node : graph_.nodes()) {
      if (node->op_type() != "QuantizeLinear") continue;
      const onnx::NodeProto* producer = graph_.Producer(node->input(0));
      const std::optional<size_t> place = producer == nullptr ? std::nullopt : PlaceOf(*producer);
      if (place.has_value() && !IsNpu(*place)) results.emplace(node->input(0), *place);
    }
    for (const auto& [tensor, place] : results) {
      onnx::NodeProto* producer = graph_.Producer(tensor);
      const std::string computed = graph_.UniqueTensorName(absl::StrCat(tensor, "_computed"));
      for (int i = 0; i < producer->output_size(); ++i) {
        if (producer->output(i) == tensor) graph_.SetOutput(producer, i, computed);
      }
      const std::string lowest = graph_.UniqueTensorName(absl::StrCat(tensor, "_lowest"));
      graph_.AddInitializer(FloatProto(lowest, {}, {std::numeric_limits<float>::lowest()}));
      Set(graph_.AddNode("Max", graph_.UniqueNodeName(absl::StrCat(tensor, "_Max")), {computed, lowest}, {tensor}),
          place);
    }
  }

  void Set(onnx::NodeProto* node, size_t place) { SetPart(node, parts_[place].name); }

  std::optional<size_t> PlaceOf(const onnx::NodeProto& node) const {
    const auto found = place_of_.find(std::string(PartOf(node)));
    return found == place_of_.end() ? std::nullopt : std::optional(found->second);
  }

  bool IsNpu(size_t place) const { return parts_[place].device == PartDevice::kNpu; }

  // The parts that read the tensor, through conversions that have no part yet.
  std::set<size_t> Readers(const std::string& tensor) {
    std::set<size_t> readers;
    for (const onnx::NodeProto* node : graph_.Consumers(tensor)) {
      if (const auto place = PlaceOf(*node); place.has_value()) {
        readers.insert(*place);
      } else {
        readers.merge(Readers(MadeBy(*node)));
      }
    }
    return readers;
  }

  std::optional<size_t> FirstReader(const std::string& tensor) {
    const std::set<size_t> readers = Readers(tensor);
    return readers.empty() ? std::nullopt : std::optional(*readers.begin());
  }

  // With what makes the tensor, or, where that is not on the NPU, with the first there that reads it.
  size_t PartOfQuantize(const onnx::NodeProto& node) {
    const onnx::NodeProto* producer = graph_.Producer(node.input(0));
    const std::optional<size_t> made = producer == nullptr ? std::nullopt : PlaceOf(*producer);
    if (made.has_value() && IsNpu(*made)) return *made;
    const std::set<size_t> readers = Readers(MadeBy(node));
    const auto first = std::find_if(readers.begin(), readers.end(), [this](size_t place) { return IsNpu(place); });
    return first != readers.end() ? *first : made.value_or(0);
  }

  void PlaceDequantize(onnx::NodeProto* node) {
    const std::string made = MadeBy(*node);
    std::set<size_t> readers = Readers(made);
    const onnx::NodeProto* quantize = graph_.Producer(node->input(0));
    std::optional<size_t> home = quantize == nullptr ? std::nullopt : PlaceOf(*quantize);
    const bool is_read_at_home =
        !home.has_value() || graph_.IsGraphOutput(made) ||
        std::any_of(readers.begin(), readers.end(), [&](size_t place) { return place == *home || !IsNpu(place); });
    if (!home.has_value() || !is_read_at_home) home = readers.empty() ? home.value_or(0) : *readers.begin();
    Set(node, *home);
    for (const size_t place : readers) {
      if (place != *home && IsNpu(place)) GiveOwn(*node, place);
    }
  }

  // The readers in that part get a conversion of their own.
  void GiveOwn(const onnx::NodeProto& node, size_t place) {
    const std::string made = MadeBy(node);
    const std::vector<onnx::NodeProto*> readers = graph_.Consumers(made);
    const std::string own = graph_.UniqueTensorName(made);
    onnx::NodeProto* copy = graph_.AddNode("DequantizeLinear", graph_.UniqueNodeName(node.name()),
                                           std::vector<std::string>(node.input().begin(), node.input().end()), {own});
    *copy->mutable_attribute() = node.attribute();
    Set(copy, place);
    for (onnx::NodeProto* reader : readers) {
      if (PlaceOf(*reader) != place) continue;
      for (int i = 0; i < reader->input_size(); ++i) {
        if (reader->input(i) == made) graph_.SetInput(reader, i, own);
      }
    }
  }

  const std::vector<NetworkPart>& parts_;
  Graph& graph_;
  std::unordered_map<std::string, size_t> place_of_;
};

}  // namespace

NetworkPartitioner::NetworkPartitioner(const v1::TargetDescription& description, v1::NpuMode mode)
    : mode_(std::move(mode)) {
  if (!description.cpu_only()) description_ = description;
}

absl::StatusOr<NetworkPartitioner> NetworkPartitioner::Create(const v1::Target& target,
                                                              std::vector<std::string>& notes) {
  NetworkPartitioner partitioner;
  partitioner.target_ = target;
  if (target.hardware().empty() || target.hardware() == "ONNX_RUNTIME") return partitioner;
  absl::StatusOr<v1::TargetDescription> description = FindTarget(target.hardware());
  if (!description.ok()) {
    // Chips that the vendor's dialect names.
    v1::pulsar2::BuildConfig::HardwareType known;
    const bool is_known = v1::pulsar2::BuildConfig::HardwareType_Parse(target.hardware(), &known);
    if (!is_known || !absl::IsInvalidArgument(description.status())) return description.status();
    notes.push_back(absl::StrCat("what the ", target.hardware(), " can do is not described: it is taken for an ",
                                 kStandIn, " where parts are decided"));
    ASSIGN_OR_RETURN(description, FindTarget(kStandIn));
    ASSIGN_OR_RETURN(partitioner.mode_, FindMode(*description, ""));
  } else {
    absl::StatusOr<v1::NpuMode> mode = FindMode(*description, target.virtual_npu());
    if (!mode.ok()) {
      ASSIGN_OR_RETURN(mode, FindMode(*description, ""));
      notes.push_back(absl::StrCat("how fast the ", target.hardware(), " is with its NPU shared as ",
                                   target.virtual_npu(), " is not described: parts are decided as for ", mode->name()));
    }
    partitioner.mode_ = *std::move(mode);
  }
  if (!description->cpu_only()) partitioner.description_ = *std::move(description);
  return partitioner;
}

absl::StatusOr<std::vector<Fitted>> NetworkPartitioner::Fit(Graph& graph,
                                                            absl::Span<const onnx::NodeProto* const> left_out) const {
  if (!has_npu()) return std::vector<Fitted>();
  return FitToTarget(graph, description_, left_out);
}

absl::StatusOr<NetworkPartition> NetworkPartitioner::Divide(Graph& graph,
                                                            absl::Span<const onnx::NodeProto* const> left_out,
                                                            const BitsOfNode& bits_of) const {
  if (!has_npu()) return NetworkPartition();
  const absl::StatusOr<CostModel> model = CostModel::Create(description_, mode_);
  if (!model.ok() && !absl::IsFailedPrecondition(model.status())) return model.status();
  return Placer(graph, left_out, bits_of, target_, description_).Place(model.ok() ? &*model : nullptr);
}

double EstimateHandOverUs(Graph& graph, const v1::TargetDescription& target) {
  const HandOverCosts costs = HandOver(target, nullptr);
  double seconds = 0;
  for (const PartTensors& part : PartsOf(graph)) {
    if (!absl::StartsWith(part.name, "cpu")) continue;
    seconds += costs.seconds_per_cpu_part;
    for (const auto* tensors : {&part.inputs, &part.outputs}) {
      for (const std::string& tensor : *tensors) {
        // The network's own inputs and outputs are the CPU's in any case.
        if (graph.Producer(tensor) == nullptr || graph.IsGraphOutput(tensor)) continue;
        seconds += costs.seconds_per_tensor + costs.seconds_per_byte * BytesOf(graph, tensor);
      }
    }
  }
  return seconds * kPerSecond;
}

void LabelParts(const NetworkPartition& partition, Graph& graph) {
  for (onnx::NodeProto* node : graph.nodes()) {
    const auto part = partition.part_of.find(MadeBy(*node));
    SetPart(node, part == partition.part_of.end() ? "" : partition.parts[part->second].name);
  }
}

absl::Status LabelConversions(const NetworkPartition& partition, Graph& graph) {
  if (partition.parts.empty()) return absl::OkStatus();
  return Labeller(partition, graph).Label();
}

}  // namespace joinery::compiler
