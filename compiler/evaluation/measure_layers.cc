#include "compiler/evaluation/measure_layers.h"

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/evaluation/copy_nodes.h"
#include "compiler/evaluation/for_each_sample.h"
#include "compiler/execution/executor.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// Builds a model with one more input, "layer": which of the wanted layers is quantized; -1 for none.
class SwitchedModel {
 public:
  SwitchedModel(Graph& float_graph, Graph& quantized_graph, absl::Span<const LayerPair> layers,
                absl::Span<const size_t> wanted)
      : float_(float_graph), quantized_(quantized_graph), layers_(layers) {
    for (size_t i = 0; i < wanted.size(); ++i) number_of_.emplace(wanted[i], i);
  }

  onnx::ModelProto Build() {
    // As the quantized model, whose operator sets are the newer ones.
    model_ = quantized_.model();
    model_.clear_graph();
    onnx::GraphProto& graph = *model_.mutable_graph();
    graph.set_name("switched");
    *graph.mutable_input() = quantized_.proto().input();
    prefix_ = UniquePrefix(quantized_.proto(), "switched:");
    onnx::ValueInfoProto* input = graph.add_input();
    input->set_name(Name("layer"));
    input->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::INT64);
    input->mutable_type()->mutable_tensor_type()->mutable_shape();
    for (size_t i = 0; i < layers_.size(); ++i) {
      by_tensor_.emplace(layers_[i].tensor, i);
      if (layers_[i].format.has_value()) by_dequantized_.emplace(layers_[i].dequantized, i);
    }
    for (size_t i = 0; i < layers_.size(); ++i) AddLayer(i);
    AddOutputs();
    return std::move(model_);
  }

 private:
  std::string Name(const std::string& name) const { return absl::StrCat(prefix_, name); }

  // Where layers and outputs find a layer's tensor.
  std::string ValueName(size_t layer) const { return Name(absl::StrCat("value:", layer)); }

  void AddLayer(size_t layer) {
    onnx::GraphProto& graph = *model_.mutable_graph();
    const auto number = number_of_.find(layer);
    if (number == number_of_.end()) {
      AppendFloat(layer, graph);
      return;
    }
    const std::string constant = Name(absl::StrCat("number:", layer));
    const std::string is_chosen = Name(absl::StrCat("is_chosen:", layer));
    *graph.add_initializer() = Int64Proto(constant, {}, {static_cast<int64_t>(number->second)});
    onnx::NodeProto* equal = graph.add_node();
    equal->set_op_type("Equal");
    equal->add_input(Name("layer"));
    equal->add_input(constant);
    equal->add_output(is_chosen);
    onnx::NodeProto choice;
    choice.set_op_type("If");
    choice.add_input(is_chosen);
    choice.add_output(ValueName(layer));
    AppendQuantized(layer, AddBranch(choice, "then_branch", layer));
    AppendFloat(layer, AddBranch(choice, "else_branch", layer));
    *graph.add_node() = std::move(choice);
  }

  onnx::GraphProto& AddBranch(onnx::NodeProto& choice, const std::string& name, size_t layer) {
    onnx::AttributeProto* attribute = choice.add_attribute();
    attribute->set_name(name);
    attribute->set_type(onnx::AttributeProto::GRAPH);
    onnx::GraphProto* branch = attribute->mutable_g();
    branch->set_name(absl::StrCat(name, layer));
    onnx::ValueInfoProto* output = branch->add_output();
    output->set_name(absl::StrCat(ValueName(layer), ":", name));
    output->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
    return *branch;
  }

  void AppendFloat(size_t layer, onnx::GraphProto& to) {
    Append(float_, layers_[layer].tensor, layer, Name(absl::StrCat("float:", layer, ":")), by_tensor_, to);
  }

  void AppendQuantized(size_t layer, onnx::GraphProto& to) {
    Append(quantized_, layers_[layer].dequantized, layer, Name(absl::StrCat("quantized:", layer, ":")), by_dequantized_,
           to);
  }

  // Copies what makes `tensor` from the tensors of earlier layers, with the constants it needs: within a branch they
  // can be made ready for the processor before the first run.
  void Append(Graph& from, const std::string& tensor, size_t layer, const std::string& prefix,
              const std::unordered_map<std::string, size_t>& boundary, onnx::GraphProto& to) {
    std::vector<const onnx::NodeProto*> region;
    std::unordered_set<const void*> seen;
    const auto visit = [&](const std::string& name) {
      const onnx::NodeProto* producer = from.Producer(name);
      if (producer != nullptr && seen.insert(producer).second) region.push_back(producer);
    };
    const auto is_boundary = [&](const std::string& name) {
      const auto found = boundary.find(name);
      return found != boundary.end() && found->second != layer;
    };
    const auto rename = [&](const std::string& name) -> std::string {
      if (is_boundary(name)) return ValueName(boundary.at(name));
      const bool is_own = from.Producer(name) != nullptr || from.Initializer(name) != nullptr;
      return is_own ? absl::StrCat(prefix, name) : name;
    };
    visit(tensor);
    for (size_t i = 0; i < region.size(); ++i) {
      ForEachInput(*region[i], [&](const std::string& input) {
        if (is_boundary(input)) return;
        visit(input);
        const onnx::TensorProto* constant = from.Initializer(input);
        if (constant == nullptr || !seen.insert(constant).second) return;
        onnx::TensorProto* copy = to.add_initializer();
        *copy = *constant;
        copy->set_name(rename(input));
      });
    }
    // In the model's order, in which each comes after what it reads.
    std::sort(region.begin(), region.end(), [&](const onnx::NodeProto* a, const onnx::NodeProto* b) {
      return Position(from, a) < Position(from, b);
    });
    for (const onnx::NodeProto* node : region) {
      // Another output of the node may be a boundary of its own; it is written under a name that nobody reads.
      onnx::NodeProto copy = CopyNode(*node, rename);
      for (int i = 0; i < node->output_size(); ++i) {
        if (!node->output(i).empty()) copy.set_output(i, absl::StrCat(prefix, node->output(i)));
      }
      *to.add_node() = std::move(copy);
    }
    onnx::NodeProto* last = to.add_node();
    last->set_op_type("Identity");
    last->add_input(region.empty() ? tensor : absl::StrCat(prefix, tensor));
    last->add_output(to.output_size() == 0 || &to == model_.mutable_graph() ? ValueName(layer) : to.output(0).name());
  }

  size_t Position(Graph& graph, const onnx::NodeProto* node) {
    auto& positions = positions_[&graph];
    if (positions.empty()) {
      for (const onnx::NodeProto* each : graph.nodes()) positions.emplace(each, positions.size());
    }
    return positions.at(node);
  }

  void AddOutputs() {
    onnx::GraphProto& graph = *model_.mutable_graph();
    for (const onnx::ValueInfoProto& output : float_.proto().output()) {
      const auto found = by_tensor_.find(output.name());
      if (found == by_tensor_.end()) continue;
      onnx::ValueInfoProto* copy = graph.add_output();
      copy->set_name(ValueName(found->second));
      copy->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
    }
  }

  Graph& float_;
  Graph& quantized_;
  absl::Span<const LayerPair> layers_;
  std::unordered_map<size_t, size_t> number_of_;
  std::unordered_map<std::string, size_t> by_tensor_;
  std::unordered_map<std::string, size_t> by_dequantized_;
  std::unordered_map<const Graph*, std::unordered_map<const onnx::NodeProto*, size_t>> positions_;
  std::string prefix_;
  onnx::ModelProto model_;
};

struct Energies {
  double signal = 0;
  double noise = 0;
};

// By layer and output.
using EnergyTable = std::vector<std::vector<Energies>>;

Energies Compare(absl::Span<const float> expected, absl::Span<const float> actual) {
  Energies energies;
  for (size_t i = 0; i < expected.size() && i < actual.size(); ++i) {
    const double difference = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
    energies.signal += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
    energies.noise += difference * difference;
  }
  return energies;
}

Tensor LayerChoice(int64_t layer) { return MakeTensor<int64_t>(onnx::TensorProto::INT64, {}, {layer}); }

// One sample: a run without, then one for each of the layers.
absl::StatusOr<EnergyTable> MeasureSample(Executor& executor, std::vector<Tensor> feed, size_t num_layers) {
  feed.push_back(LayerChoice(-1));
  ASSIGN_OR_RETURN(const std::vector<Tensor> expected, RunToTensors(executor, feed));
  EnergyTable table(num_layers, std::vector<Energies>(expected.size()));
  for (size_t layer = 0; layer < num_layers; ++layer) {
    feed.back() = LayerChoice(static_cast<int64_t>(layer));
    RETURN_IF_ERROR(executor.Run(feed, [&](size_t output, const TensorView& value) {
      if (value.element_type != onnx::TensorProto::FLOAT) return;
      table[layer][output] = Compare(expected[output].values<float>(), value.values<float>());
    }));
  }
  return table;
}

double MeanRelativeEnergy(const std::vector<EnergyTable>& of_sample, size_t layer) {
  const size_t num_outputs = of_sample.front()[layer].size();
  double sum = 0;
  for (size_t output = 0; output < num_outputs; ++output) {
    Energies total;
    for (const EnergyTable& table : of_sample) {
      total.signal += table[layer][output].signal;
      total.noise += table[layer][output].noise;
    }
    if (total.noise > 0) sum += total.noise / std::max(total.signal, total.noise * 1e-12);
  }
  return num_outputs == 0 ? 0 : sum / static_cast<double>(num_outputs);
}

}  // namespace

absl::StatusOr<std::vector<MeasuredLayer>> MeasureLayers(
    Graph& float_graph, Graph& quantized_graph, absl::Span<const LayerPair> layers, absl::Span<const size_t> wanted,
    size_t num_samples, int threads, Device* device,
    const std::function<absl::StatusOr<std::vector<Tensor>>(size_t)>& load) {
  std::vector<MeasuredLayer> measured;
  if (wanted.empty() || num_samples == 0) return measured;
  const onnx::ModelProto model = SwitchedModel(float_graph, quantized_graph, layers, wanted).Build();
  ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, LoadOnnxRuntime(model, {.device = device}));
  std::vector<EnergyTable> of_sample(num_samples);
  RETURN_IF_ERROR(ForEachSample(num_samples, threads, [&](size_t sample) -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<Tensor> feed, load(sample));
    ASSIGN_OR_RETURN(of_sample[sample], MeasureSample(*executor, std::move(feed), wanted.size()));
    return absl::OkStatus();
  }));
  measured.reserve(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) measured.push_back({wanted[i], MeanRelativeEnergy(of_sample, i)});
  return measured;
}

}  // namespace joinery::compiler
