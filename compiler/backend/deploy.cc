#include "compiler/backend/deploy.h"

#include <string>
#include <vector>

#include "base/status.h"
#include "compiler/backend/attach_outputs.h"
#include "compiler/backend/attach_preprocessing.h"
#include "compiler/backend/joint_file.h"
#include "compiler/backend/parts.h"
#include "compiler/backend/set_batch.h"
#include "compiler/backend/verify_batch.h"
#include "compiler/configuration/deployed_input.h"

namespace joinery::compiler {
namespace {

// Types and shapes alone: names, layouts and scales stay.
void Redescribe(const onnx::ValueInfoProto& value, v1::TensorInfo& info) {
  const v1::TensorInfo now = DescribeTensor(value);
  info.set_element_type(now.element_type());
  *info.mutable_shape() = now.shape();
}

void Redescribe(const Graph& graph, v1::Manifest& manifest) {
  const std::vector<const onnx::ValueInfoProto*> inputs = graph.Inputs();
  for (size_t i = 0; i < inputs.size(); ++i) Redescribe(*inputs[i], *manifest.mutable_inputs(static_cast<int>(i)));
  for (int i = 0; i < graph.proto().output_size(); ++i) {
    Redescribe(graph.proto().output(i), *manifest.mutable_outputs(i));
  }
}

void TakePartOfReader(Graph& graph, onnx::NodeProto* node) {
  for (const std::string& output : node->output()) {
    for (const onnx::NodeProto* reader : graph.Consumers(output)) {
      if (PartOf(*node).empty() && !PartOf(*reader).empty()) SetPart(node, std::string(PartOf(*reader)));
    }
  }
}

void TakePartOfMaker(Graph& graph, onnx::NodeProto* node) {
  for (const std::string& input : node->input()) {
    const onnx::NodeProto* maker = graph.Producer(input);
    if (PartOf(*node).empty() && maker != nullptr && !PartOf(*maker).empty()) {
      SetPart(node, std::string(PartOf(*maker)));
    }
  }
}

// Of nodes in an order in which they can run.
void GiveParts(Graph& graph) {
  const std::vector<onnx::NodeProto*> nodes = graph.nodes();
  for (auto node = nodes.rbegin(); node != nodes.rend(); ++node) {
    if (PartOf(**node).empty()) TakePartOfReader(graph, *node);
  }
  for (onnx::NodeProto* node : nodes) {
    if (PartOf(*node).empty()) TakePartOfMaker(graph, node);
  }
}

}  // namespace

absl::Status DeployTensors(Graph& graph, v1::Manifest& manifest) {
  RETURN_IF_ERROR(AttachPreprocessing(graph, InputsLeftOut(manifest.configuration())).status());
  RETURN_IF_ERROR(QuantizeOutputs(graph, manifest.configuration(), *manifest.mutable_outputs()));
  RETURN_IF_ERROR(graph.SortTopologically());
  GiveParts(graph);
  Redescribe(graph, manifest);
  return absl::OkStatus();
}

absl::Status DeployBatch(Graph& graph, v1::Manifest& manifest, int threads) {
  if (!manifest.configuration().has_batch()) return absl::OkStatus();
  const v1::Batch& batch = manifest.configuration().batch();
  const onnx::ModelProto single = graph.model();
  RETURN_IF_ERROR(SetBatch(graph, batch));
  RETURN_IF_ERROR(VerifyBatch(single, graph.model(), batch, threads));
  Redescribe(graph, manifest);
  return absl::OkStatus();
}

}  // namespace joinery::compiler
