#include "compiler/quantization/held_run.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/status.h"
#include "compiler/evaluation/for_each_sample.h"

namespace joinery::compiler {
namespace {

bool BelongsToReaders(const onnx::NodeProto* node) { return node != nullptr && node->op_type() == "DequantizeLinear"; }

void DeclareInput(const std::string& name, const Tensor& like, onnx::GraphProto& graph) {
  onnx::ValueInfoProto* input = graph.add_input();
  input->set_name(name);
  onnx::TypeProto_Tensor* type = input->mutable_type()->mutable_tensor_type();
  type->set_elem_type(like.element_type);
  for (const int64_t dimension : like.shape) type->mutable_shape()->add_dim()->set_dim_value(dimension);
}

}  // namespace

HeldRun::HeldRun(onnx::ModelProto model, int threads)
    : graph_(std::make_unique<Graph>(std::move(model))), threads_(threads) {
  for (const onnx::NodeProto* node : graph_->nodes()) {
    for (const std::string& output : node->output()) place_of_.emplace(output, nodes_.size());
    nodes_.push_back(node);
  }
  const auto read = [this](const std::string& tensor, size_t place) {
    ForEachSource(tensor, [&](const std::string& source) {
      size_t& last = last_reader_[source];
      last = std::max(last, place);
    });
  };
  for (size_t place = 0; place < nodes_.size(); ++place) {
    if (BelongsToReaders(nodes_[place])) continue;
    ForEachInput(*nodes_[place], [&](const std::string& input) { read(input, place); });
  }
  for (const onnx::ValueInfoProto& output : graph_->proto().output()) read(output.name(), nodes_.size());
}

absl::StatusOr<HeldRun> HeldRun::Start(onnx::ModelProto model, size_t num_samples, const LoadSampleFunction& load,
                                       int threads) {
  HeldRun run(std::move(model), threads);
  run.held_.resize(num_samples);
  RETURN_IF_ERROR(ForEachSample(num_samples, threads, [&](size_t sample) -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<Tensor> feed, load(sample));
    const std::vector<const onnx::ValueInfoProto*> inputs = run.graph_->Inputs();
    for (size_t i = 0; i < inputs.size() && i < feed.size(); ++i) {
      run.held_[sample].emplace(inputs[i]->name(), std::move(feed[i]));
    }
    return absl::OkStatus();
  }));
  return run;
}

size_t HeldRun::PlaceOf(const std::string& tensor) const {
  const auto found = place_of_.find(tensor);
  return found == place_of_.end() ? nodes_.size() : found->second;
}

void HeldRun::ForEachSource(const std::string& tensor, const std::function<void(const std::string&)>& visit) {
  const onnx::NodeProto* producer = graph_->Producer(tensor);
  if (!BelongsToReaders(producer)) return visit(tensor);
  for (const std::string& input : producer->input()) ForEachSource(input, visit);
}

bool HeldRun::IsReadFrom(const std::string& tensor, size_t place) const {
  const auto found = last_reader_.find(tensor);
  return found != last_reader_.end() && found->second >= place;
}

HeldRun::Part HeldRun::Cut(size_t end) {
  Part part;
  part.model.set_ir_version(graph_->model().ir_version());
  *part.model.mutable_opset_import() = graph_->model().opset_import();
  *part.model.mutable_functions() = graph_->model().functions();
  onnx::GraphProto& graph = *part.model.mutable_graph();
  graph.set_name("part");
  std::unordered_set<std::string> seen;
  std::function<void(const std::string&)> take = [&](const std::string& tensor) {
    if (!seen.insert(tensor).second) return;
    if (const onnx::TensorProto* initializer = graph_->Initializer(tensor); initializer != nullptr) {
      *graph.add_initializer() = *initializer;
    } else if (const onnx::NodeProto* producer = graph_->Producer(tensor); BelongsToReaders(producer)) {
      for (const std::string& input : producer->input()) take(input);
      *graph.add_node() = *producer;
    } else if (const auto found = held_.front().find(tensor); found != held_.front().end()) {
      DeclareInput(tensor, found->second, graph);
      part.held.push_back(tensor);
    }
  };
  for (size_t place = place_; place < end; ++place) {
    const onnx::NodeProto& node = *nodes_[place];
    if (BelongsToReaders(&node)) continue;
    ForEachInput(node, take);
    *graph.add_node() = node;
    for (const std::string& output : node.output()) {
      const bool is_wanted = IsReadFrom(output, end) || place + 1 == end;
      if (is_wanted && !output.empty()) part.outputs.push_back(output);
    }
  }
  if (end == nodes_.size()) {
    for (const onnx::ValueInfoProto& output : graph_->proto().output()) take(output.name());
  }
  return part;
}

absl::Status HeldRun::RunSample(Executor& executor, const Part& part,
                                std::unordered_map<std::string, Tensor>& held) const {
  std::vector<Tensor> feed;
  feed.reserve(part.held.size());
  for (const std::string& tensor : part.held) feed.push_back(held.at(tensor));
  ASSIGN_OR_RETURN(std::vector<Tensor> outputs, RunToTensors(executor, feed));
  for (size_t i = 0; i < outputs.size(); ++i) held.insert_or_assign(part.outputs[i], std::move(outputs[i]));
  return absl::OkStatus();
}

absl::Status HeldRun::RunTo(size_t end) {
  if (held_.empty() || end <= place_) return absl::OkStatus();
  Part part = Cut(end);
  if (!part.outputs.empty()) {
    // Their types are left to the runtime's own inference.
    for (const std::string& output : part.outputs) part.model.mutable_graph()->add_output()->set_name(output);
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor, LoadOnnxRuntime(part.model, {.use_integers = false}));
    RETURN_IF_ERROR(ForEachSample(held_.size(), threads_,
                                  [&](size_t sample) { return RunSample(*executor, part, held_[sample]); }));
  }
  place_ = end;
  for (auto& held : held_) {
    std::erase_if(held,
                  [&](const auto& entry) { return !IsReadFrom(entry.first, end) && PlaceOf(entry.first) + 1 != end; });
  }
  return absl::OkStatus();
}

Tensor* HeldRun::Held(size_t sample, const std::string& tensor) {
  const auto found = held_[sample].find(tensor);
  return found == held_[sample].end() ? nullptr : &found->second;
}

bool HeldRun::IsReadByRest(const std::string& initializer) const { return IsReadFrom(initializer, place_); }

void HeldRun::SetInitializer(const onnx::TensorProto& value) {
  for (onnx::TensorProto& initializer : *graph_->mutable_model().mutable_graph()->mutable_initializer()) {
    if (initializer.name() == value.name()) initializer = value;
  }
}

absl::StatusOr<HeldRun::Rest> HeldRun::LoadRest(const std::vector<std::string>& parameters) {
  Part part = Cut(nodes_.size());
  onnx::GraphProto& graph = *part.model.mutable_graph();
  *graph.mutable_output() = graph_->proto().output();
  for (const std::string& parameter : parameters) {
    if (!IsReadByRest(parameter)) continue;
    const auto found =
        std::find_if(graph.initializer().begin(), graph.initializer().end(),
                     [&](const onnx::TensorProto& initializer) { return initializer.name() == parameter; });
    if (found == graph.initializer().end()) continue;
    const Tensor like{found->data_type(), {found->dims().begin(), found->dims().end()}, {}};
    graph.mutable_initializer()->erase(found);
    DeclareInput(parameter, like, graph);
  }
  Rest rest;
  rest.held = std::move(part.held);
  ASSIGN_OR_RETURN(rest.executor, LoadOnnxRuntime(part.model, {.use_integers = false}));
  return rest;
}

}  // namespace joinery::compiler
