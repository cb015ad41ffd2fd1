#include "compiler/frontend/fold_constants.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/status.h"
#include "compiler/execution/executor.h"
#include "compiler/frontend/graph_edits.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr int64_t kMaxAddedBytes = int64_t{64} << 20;

// Random, or better left as they are: a model that quantizes its weights itself means them to stay quantized.
bool IsExcluded(const std::string& op_type) {
  static const auto* excluded = new std::unordered_set<std::string>(
      {"Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
       "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"});
  return excluded->contains(op_type);
}

// Operators the size of whose results depends on values, but is bounded by that of their input.
bool IsBounded(const std::string& op_type) {
  return op_type == "NonZero" || op_type == "Compress" || op_type == "Unique";
}

// The value of a Constant as a tensor; nothing if it is sparse or has strings.
std::optional<onnx::TensorProto> TakeConstant(onnx::NodeProto* node) {
  if (node->attribute_size() != 1) return std::nullopt;
  onnx::AttributeProto* attribute = node->mutable_attribute(0);
  const std::string& name = attribute->name();
  onnx::TensorProto tensor;
  if (name == "value" && attribute->t().data_type() != onnx::TensorProto::STRING) {
    tensor.Swap(attribute->mutable_t());
  } else if (name == "value_int" || name == "value_ints") {
    const bool is_scalar = name == "value_int";
    tensor.set_data_type(onnx::TensorProto::INT64);
    if (is_scalar) tensor.add_int64_data(attribute->i());
    if (!is_scalar) tensor.mutable_int64_data()->CopyFrom(attribute->ints());
    if (!is_scalar) tensor.add_dims(attribute->ints_size());
  } else if (name == "value_float" || name == "value_floats") {
    const bool is_scalar = name == "value_float";
    tensor.set_data_type(onnx::TensorProto::FLOAT);
    if (is_scalar) tensor.add_float_data(attribute->f());
    if (!is_scalar) tensor.mutable_float_data()->CopyFrom(attribute->floats());
    if (!is_scalar) tensor.add_dims(attribute->floats_size());
  } else {
    return std::nullopt;
  }
  tensor.set_name(node->output(0));
  tensor.clear_doc_string();
  return tensor;
}

std::optional<onnx::TensorProto> ShapeAsConstant(Graph& graph, const onnx::NodeProto& node) {
  const auto shape = graph.Shape(node.input(0));
  if (!shape.has_value()) return std::nullopt;
  if (node.op_type() == "Size") return Int64Proto(node.output(0), {}, {NumElements(*shape)});
  const auto rank = static_cast<int64_t>(shape->size());
  const auto clamp = [&](int64_t index) { return std::clamp<int64_t>(index < 0 ? index + rank : index, 0, rank); };
  const int64_t start = clamp(IntAttribute(node, "start", 0));
  const int64_t end = std::max(start, clamp(IntAttribute(node, "end", rank)));
  const absl::Span<const int64_t> part = absl::MakeConstSpan(*shape).subspan(start, end - start);
  return Int64Proto(node.output(0), {end - start}, part);
}

class Folding {
 public:
  explicit Folding(Graph& graph) : graph_(graph) {}

  absl::StatusOr<int> Run() {
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (MakesGraphOutput(*node) || FoldAtOnce(node)) continue;
      if (MayEvaluate(*node)) Choose(*node);
    }
    const int rewrites = num_folded_ + static_cast<int>(chosen_.size());
    if (rewrites == 0) return 0;
    RETURN_IF_ERROR(Evaluate());
    edits_.Apply(graph_);
    graph_.RemoveDeadNodes();
    return rewrites;
  }

 private:
  bool MakesGraphOutput(const onnx::NodeProto& node) {
    return std::any_of(node.output().begin(), node.output().end(),
                       [&](const std::string& output) { return graph_.IsGraphOutput(output); });
  }

  bool IsConstant(const std::string& tensor) {
    return folded_.contains(tensor) || graph_.Initializer(tensor) != nullptr;
  }

  // Constants and shapes need no runtime.
  bool FoldAtOnce(onnx::NodeProto* node) {
    std::optional<onnx::TensorProto> tensor;
    if (node->op_type() == "Constant") tensor = TakeConstant(node);
    if (node->op_type() == "Shape" || node->op_type() == "Size") tensor = ShapeAsConstant(graph_, *node);
    if (!tensor.has_value()) return false;
    added_[node->output(0)] = tensor->ByteSizeLong();
    folded_.insert(node->output(0));
    constants_.push_back(*std::move(tensor));
    edits_.Remove(node);
    ++num_folded_;
    return true;
  }

  bool MayEvaluate(const onnx::NodeProto& node) {
    if (node.input_size() == 0 || node.output_size() == 0 || IsExcluded(node.op_type()) || HasNestedGraph(node)) {
      return false;
    }
    return std::all_of(node.input().begin(), node.input().end(),
                       [&](const std::string& input) { return input.empty() || IsConstant(input); });
  }

  // The bytes of a tensor; nothing if they are not known or it is of strings.
  std::optional<int64_t> SizeOf(const std::string& tensor) {
    if (const auto added = added_.find(tensor); added != added_.end()) return added->second;
    const auto shape = graph_.Shape(tensor);
    const auto element_size = static_cast<int64_t>(ElementSize(graph_.ElementType(tensor)));
    if (!shape.has_value() || element_size == 0) return std::nullopt;
    int64_t size = element_size;
    for (const int64_t dimension : *shape) {
      if (__builtin_mul_overflow(size, dimension, &size)) return std::nullopt;
    }
    return size;
  }

  // Takes the node for evaluation if its results are not too large.
  void Choose(const onnx::NodeProto& node) {
    int64_t read = 0;
    for (const std::string& input : node.input()) {
      if (!input.empty()) read += SizeOf(input).value_or(0);
    }
    int64_t made = 0;
    for (const std::string& output : node.output()) {
      if (output.empty()) continue;
      std::optional<int64_t> size = SizeOf(output);
      // Indices are of eight bytes, one for each dimension; ONNX has at most a handful of these.
      constexpr int64_t kMostIndexBytes = 8 * 8;
      if (!size.has_value() && IsBounded(node.op_type()) && ElementSize(graph_.ElementType(output)) > 0) {
        size = read * kMostIndexBytes;
      }
      if (!size.has_value()) return;
      made += *size;
    }
    if (made > read && total_added_ + made > kMaxAddedBytes) return;
    if (made > read) total_added_ += made;
    for (const std::string& output : node.output()) {
      if (!output.empty()) folded_.insert(output);
    }
    chosen_.push_back(&node);
    edits_.Remove(&node);
  }

  // Runs the chosen nodes; what others read of their results become initializers.
  absl::Status Evaluate() {
    if (!chosen_.empty()) {
      ASSIGN_OR_RETURN(std::vector<onnx::TensorProto> results, RunChosen());
      for (onnx::TensorProto& result : results) edits_.AddInitializer(std::move(result));
    }
    for (onnx::TensorProto& constant : constants_) edits_.AddInitializer(std::move(constant));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<onnx::TensorProto>> RunChosen() {
    const std::unordered_set<const onnx::NodeProto*> chosen(chosen_.begin(), chosen_.end());
    onnx::ModelProto model;
    model.set_ir_version(graph_.model().ir_version());
    *model.mutable_opset_import() = graph_.model().opset_import();
    onnx::GraphProto* graph = model.mutable_graph();
    graph->set_name("constants");
    std::unordered_map<std::string, const onnx::TensorProto*> constants;
    for (const onnx::TensorProto& constant : constants_) constants[constant.name()] = &constant;
    std::unordered_set<std::string> made;
    std::unordered_set<std::string> copied;
    for (const onnx::NodeProto* node : chosen_) {
      *graph->add_node() = *node;
      made.insert(node->output().begin(), node->output().end());
      for (const std::string& input : node->input()) {
        if (input.empty() || made.contains(input) || !copied.insert(input).second) continue;
        const auto constant = constants.find(input);
        *graph->add_initializer() = constant == constants.end() ? *graph_.Initializer(input) : *constant->second;
      }
      for (const std::string& output : node->output()) {
        const std::vector<onnx::NodeProto*> readers = graph_.Consumers(output);
        const bool is_needed = std::any_of(readers.begin(), readers.end(),
                                           [&](const onnx::NodeProto* reader) { return !chosen.contains(reader); });
        if (is_needed) graph->add_output()->set_name(output);
      }
    }
    if (graph->output_size() == 0) return std::vector<onnx::TensorProto>();
    return Execute(model);
  }

  static absl::StatusOr<std::vector<onnx::TensorProto>> Execute(const onnx::ModelProto& model) {
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                     LoadOnnxRuntime(model, {.threads = 1, .optimize = false}));
    ASSIGN_OR_RETURN(const std::vector<Tensor> values, RunToTensors(*executor, {}));
    std::vector<onnx::TensorProto> results;
    results.reserve(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      results.push_back(ToProto(values[i], executor->outputs()[i].name));
    }
    return results;
  }

  Graph& graph_;
  GraphEdits edits_;
  std::vector<onnx::TensorProto> constants_;
  std::vector<const onnx::NodeProto*> chosen_;
  // Tensors that are constant once this pass is through, and the sizes of those that the graph does not know.
  std::unordered_set<std::string> folded_;
  std::unordered_map<std::string, int64_t> added_;
  int64_t total_added_ = 0;
  int num_folded_ = 0;
};

}  // namespace

absl::StatusOr<int> FoldConstants::Run(Graph& graph) const {
  absl::StatusOr<int> rewrites = Folding(graph).Run();
  if (!rewrites.ok()) return base::Annotate(rewrites.status(), "computing what does not depend on the inputs");
  return rewrites;
}

}  // namespace joinery::compiler
