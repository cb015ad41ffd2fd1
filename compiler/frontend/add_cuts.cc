#include "compiler/frontend/add_cuts.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

// From here on Clip has its bounds as inputs.
constexpr int64_t kOpsetOfClipBounds = 11;

void SetFloatAttribute(onnx::NodeProto* node, const std::string& name, float value) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(onnx::AttributeProto::FLOAT);
  attribute->set_f(value);
}

void AddBounds(Graph& graph, onnx::NodeProto* clip, const ValueCut& cut) {
  const std::string low = graph.UniqueTensorName(absl::StrCat(clip->output(0), "_min"));
  const std::string high = graph.UniqueTensorName(absl::StrCat(clip->output(0), "_max"));
  graph.AddInitializer(FloatProto(low, {}, {cut.low}));
  graph.AddInitializer(FloatProto(high, {}, {cut.high}));
  clip->add_input(low);
  clip->add_input(high);
  graph.Invalidate();
}

void AddCut(Graph& graph, onnx::NodeProto* producer, int output, const ValueCut& cut) {
  const std::string tensor = producer->output(output);
  if (producer->op_type() == "Relu" && cut.low >= 0 && OpsetVersion(graph.model()) >= kOpsetOfClipBounds) {
    // One node may do both.
    producer->set_op_type("Clip");
    AddBounds(graph, producer, cut);
    return;
  }
  const std::string before = graph.UniqueTensorName(absl::StrCat(tensor, "_uncut"));
  graph.SetOutput(producer, output, before);
  const std::string name = graph.UniqueNodeName(absl::StrCat(tensor, "_Clip"));
  if (OpsetVersion(graph.model()) < kOpsetOfClipBounds) {
    onnx::NodeProto* clip = graph.AddNode("Clip", name, {before}, {tensor});
    SetFloatAttribute(clip, "min", cut.low);
    SetFloatAttribute(clip, "max", cut.high);
    return;
  }
  AddBounds(graph, graph.AddNode("Clip", name, {before}, {tensor}), cut);
}

}  // namespace

void AddCuts(const std::map<std::string, ValueCut>& cuts, Graph& graph) {
  struct Place {
    onnx::NodeProto* node;
    int output;
    ValueCut cut;
  };
  // Look-ups come before edits, which make the next look-up expensive.
  std::vector<Place> places;
  for (const auto& [tensor, cut] : cuts) {
    onnx::NodeProto* producer = graph.Producer(tensor);
    for (int i = 0; producer != nullptr && i < producer->output_size(); ++i) {
      if (producer->output(i) == tensor) places.push_back({producer, i, cut});
    }
  }
  for (const Place& place : places) AddCut(graph, place.node, place.output, place.cut);
}

}  // namespace joinery::compiler
