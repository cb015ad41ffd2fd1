#include "compiler/frontend/import_quantization.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "compiler/frontend/add_cuts.h"
#include "compiler/frontend/graph_edits.h"
#include "compiler/frontend/import_notes.h"
#include "compiler/frontend/import_weights.h"
#include "compiler/frontend/quantization_form.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr char kContribDomain[] = "com.microsoft";

// The same numbers as unsigned ones; nothing for types that no activation has.
std::optional<ImportedActivation> AsActivation(const QuantizationForm& form) {
  const std::optional<NumberLimits> limits = LimitsOf(form.element_type);
  if (!limits.has_value() || form.scales.size() != 1) return std::nullopt;
  const int bits = limits->largest - limits->least > std::numeric_limits<uint8_t>::max() ? 16 : 8;
  return ImportedActivation{form.scales[0], form.zero_points[0] - limits->least, bits};
}

class Importer {
 public:
  explicit Importer(Graph& graph) : graph_(graph) {}

  absl::StatusOr<ImportedQuantization> Run() {
    for (onnx::NodeProto* node : graph_.nodes()) {
      if (!IsDequantize(*node)) continue;
      const absl::Status status = Import(node);
      if (absl::IsUnimplemented(status)) {
        notes_.Add(absl::StrCat(status.message(), "; it stays as it is"), NameOf(*node));
      } else {
        RETURN_IF_ERROR(status);
      }
    }
    FollowTransposes();
    edits_.Apply(graph_);
    ReplaceInitializers();
    std::map<std::string, ValueCut> cuts;
    for (const auto& [source, cut] : cut_sources_) cuts.emplace(edits_.Resolve(source), cut);
    AddCuts(cuts, graph_);
    RETURN_IF_ERROR(graph_.SortTopologically());
    graph_.RemoveDeadNodes();
    RETURN_IF_ERROR(DropContribDomain());
    imported_.notes = notes_.Lines();
    return std::move(imported_);
  }

 private:
  static std::string NameOf(const onnx::NodeProto& node) { return node.name().empty() ? node.output(0) : node.name(); }

  absl::Status Import(onnx::NodeProto* dequantize) {
    ASSIGN_OR_RETURN(QuantizationForm form, FormOf(graph_, *dequantize));
    if (const onnx::TensorProto* constant = FindConstant(graph_, dequantize->input(0))) {
      if (form.element_type == 0) form.element_type = constant->data_type();
      ASSIGN_OR_RETURN(const std::vector<int32_t> integers, Integers(*constant));
      const std::string wish(absl::StripSuffix(constant->name(), "_quantized"));
      return ImportConstant(dequantize, form, *constant, integers, wish.empty() ? dequantize->output(0) : wish);
    }
    const onnx::NodeProto* quantize = graph_.Producer(dequantize->input(0));
    const onnx::NodeProto* clip = quantize != nullptr && quantize->op_type() == "Clip" ? quantize : nullptr;
    if (clip != nullptr) quantize = graph_.Producer(clip->input(0));
    if (quantize == nullptr || !IsQuantize(*quantize)) {
      return absl::UnimplementedError("what it reads is neither a constant nor made by QuantizeLinear");
    }
    ASSIGN_OR_RETURN(const QuantizationForm before, FormOf(graph_, *quantize));
    if (form.element_type == 0) form.element_type = before.element_type;
    if (before != form) {
      return absl::UnimplementedError("it has another scale, zero point or type than the QuantizeLinear before it");
    }
    ASSIGN_OR_RETURN(const std::optional<NumberLimits> numbers, NumbersWithin(form, clip));
    if (!numbers.has_value()) {
      return absl::UnimplementedError(absl::StrCat("it has numbers of the type ", ElementTypeName(form.element_type)));
    }
    if (const onnx::TensorProto* constant = FindConstant(graph_, quantize->input(0))) {
      ASSIGN_OR_RETURN(const std::vector<float> values, FloatValues(*constant));
      ASSIGN_OR_RETURN(const ChannelStride stride, AnnotatedStride(*dequantize, form, *constant));
      std::vector<int32_t> integers = QuantizeValues(values, form, stride);
      for (int32_t& integer : integers) integer = std::clamp(integer, numbers->least, numbers->largest);
      return ImportConstant(dequantize, form, *constant, integers, quantize->input(0));
    }
    const bool is_cut = clip != nullptr || (form.zero_points[0] == numbers->least && MayBeNegative(quantize->input(0)));
    return ImportActivation(dequantize, *quantize, form, is_cut ? numbers : std::nullopt);
  }

  // The numbers that the type of the form has and `clip`, which may be null, lets pass; nothing for other types.
  absl::StatusOr<std::optional<NumberLimits>> NumbersWithin(const QuantizationForm& form, const onnx::NodeProto* clip) {
    std::optional<NumberLimits> numbers = LimitsOf(form.element_type);
    for (int i = 1; numbers.has_value() && clip != nullptr && i < std::min(clip->input_size(), 3); ++i) {
      if (clip->input(i).empty()) continue;
      const onnx::TensorProto* constant = FindConstant(graph_, clip->input(i));
      if (constant == nullptr) return absl::UnimplementedError("its numbers are cut off at what is not constant");
      ASSIGN_OR_RETURN(const std::vector<int32_t> bound, Integers(*constant));
      if (bound.size() != 1) return absl::UnimplementedError("its numbers are cut off at what is no number");
      if (i == 1) numbers->least = std::max(numbers->least, bound[0]);
      if (i == 2) numbers->largest = std::min(numbers->largest, bound[0]);
    }
    return numbers;
  }

  // Whether what makes the tensor may make negative values: then there was a Relu behind it once, which quantizers
  // leave to a quantization whose least number is zero.
  bool MayBeNegative(const std::string& tensor) {
    static const auto* kinds = new std::unordered_set<std::string>(
        {"Conv", "ConvTranspose", "Gemm", "MatMul", "Sub", "BatchNormalization", "InstanceNormalization"});
    const onnx::NodeProto* producer = graph_.Producer(tensor);
    if (producer == nullptr) return false;
    if (kinds->contains(producer->op_type())) return true;
    if (producer->op_type() != "Add" && producer->op_type() != "Mul") return false;
    return !std::all_of(producer->input().begin(), producer->input().end(),
                        [this](const std::string& input) { return IsFromZero(input); });
  }

  // Whether the tensor was dequantized from numbers the least of which is zero.
  bool IsFromZero(const std::string& tensor) {
    const onnx::NodeProto* producer = graph_.Producer(tensor);
    if (producer == nullptr || !IsDequantize(*producer)) return false;
    const absl::StatusOr<QuantizationForm> form = FormOf(graph_, *producer);
    const std::optional<NumberLimits> limits = form.ok() ? LimitsOf(form->element_type) : std::nullopt;
    return limits.has_value() && form->zero_points[0] == limits->least;
  }

  static absl::StatusOr<ChannelStride> AnnotatedStride(const onnx::NodeProto& node, const QuantizationForm& form,
                                                       const onnx::TensorProto& constant) {
    absl::StatusOr<ChannelStride> stride = StrideOf(form, {constant.dims().begin(), constant.dims().end()});
    if (!stride.ok()) return base::Annotate(stride.status(), Describe(node));
    return stride;
  }

  absl::Status ImportConstant(onnx::NodeProto* dequantize, const QuantizationForm& form,
                              const onnx::TensorProto& constant, const std::vector<int32_t>& integers,
                              const std::string& wish) {
    if (graph_.IsGraphOutput(dequantize->output(0))) {
      return absl::UnimplementedError("it makes an output of the model of a constant");
    }
    const std::vector<int64_t> shape(constant.dims().begin(), constant.dims().end());
    ASSIGN_OR_RETURN(const ChannelStride stride, AnnotatedStride(*dequantize, form, constant));
    const std::string name = NameForConstant(*dequantize, wish);
    onnx::TensorProto values = FloatProto(name, shape, DequantizeValues(integers, form, stride));
    if (graph_.Initializer(name) != nullptr) {
      replaced_[name] = std::move(values);
    } else {
      edits_.AddInitializer(std::move(values));
    }
    if (name != dequantize->output(0)) edits_.ReplaceUses(dequantize->output(0), name);
    edits_.Remove(dequantize);
    if (std::optional<ImportedWeights> weights = WeightsOf(form, shape, integers, stride)) {
      imported_.weights[name] = *std::move(weights);
    } else if (form.element_type != onnx::TensorProto::INT32) {
      notes_.Add("its numbers do not fit 8 bits with zero point 0; where it is weights, they are rounded anew", name);
    }
    if (std::optional<ImportedActivation> activation = AsActivation(form)) {
      activation->is_constant = true;
      imported_.activations[name] = *activation;
    }
    return absl::OkStatus();
  }

  // Weights that only training rounded keep their name and get new values; others get a name of their own.
  std::string NameForConstant(const onnx::NodeProto& dequantize, const std::string& wish) {
    if (dequantize.output(0) == wish) return wish;
    const onnx::NodeProto* before = graph_.Producer(dequantize.input(0));
    const bool is_free = before != nullptr && IsQuantize(*before) && before->input(0) == wish &&
                         graph_.Initializer(wish) != nullptr && graph_.Consumers(wish).size() == 1 &&
                         graph_.Consumers(dequantize.input(0)).size() == 1 && !graph_.IsGraphOutput(wish);
    return is_free ? wish : graph_.UniqueTensorName(wish);
  }

  absl::Status ImportActivation(onnx::NodeProto* dequantize, const onnx::NodeProto& quantize,
                                const QuantizationForm& form, const std::optional<NumberLimits>& cut) {
    const std::optional<ImportedActivation> activation = AsActivation(form);
    if (!activation.has_value()) return absl::UnimplementedError("it has scales for the channels of an activation");
    const std::string& source = quantize.input(0);
    const std::string& output = dequantize->output(0);
    if (graph_.IsGraphOutput(output) && !TakeOverName(source, output)) {
      // An output of the model that has two names, or is an input: one node in between has to stay.
      dequantize->set_op_type("Identity");
      dequantize->clear_domain();
      dequantize->clear_attribute();
      dequantize->mutable_input()->DeleteSubrange(1, dequantize->input_size() - 1);
      dequantize->set_input(0, edits_.Resolve(source));
    } else {
      if (!graph_.IsGraphOutput(output)) edits_.ReplaceUses(output, source);
      edits_.Remove(dequantize);
    }
    if (cut.has_value() && graph_.Producer(source) != nullptr) {
      const auto value_of = [&](int32_t number) {
        return static_cast<float>(number - form.zero_points[0]) * form.scales[0];
      };
      cut_sources_.try_emplace(source, ValueCut{value_of(cut->least), value_of(cut->largest)});
    }
    Record(edits_.Resolve(source), *activation);
    return absl::OkStatus();
  }

  // Gives the tensor `source` the name of the output that repeated it.
  bool TakeOverName(const std::string& source, const std::string& output) {
    onnx::NodeProto* producer = graph_.Producer(source);
    if (producer == nullptr || graph_.IsGraphOutput(source) || edits_.Resolve(source) != source) return false;
    for (int i = 0; i < producer->output_size(); ++i) {
      if (producer->output(i) == source) edits_.SetOutput(producer, i, output);
    }
    edits_.ReplaceUses(source, output);
    const auto known = imported_.activations.find(source);
    if (known != imported_.activations.end()) {
      imported_.activations[output] = known->second;
      imported_.activations.erase(source);
    }
    return true;
  }

  void Record(const std::string& tensor, const ImportedActivation& activation) {
    const auto [known, is_new] = imported_.activations.try_emplace(tensor, activation);
    const ImportedActivation& first = known->second;
    if (is_new || (first.scale == activation.scale && first.zero_point == activation.zero_point &&
                   first.bits == activation.bits)) {
      return;
    }
    notes_.Add("its readers have different scales or zero points for it; the first is taken for all", tensor);
  }

  void FollowTransposes() {
    for (const onnx::NodeProto* node : graph_.nodes()) {
      if (node->op_type() != "Transpose" || !node->domain().empty()) continue;
      const auto source = imported_.weights.find(edits_.Resolve(node->input(0)));
      if (source == imported_.weights.end()) continue;
      std::vector<int64_t> order = IntsAttribute(*node, "perm");
      const auto rank = static_cast<int64_t>(source->second.shape.size());
      for (int64_t i = rank; order.empty() && i > 0;) order.push_back(--i);
      std::vector<int64_t> sorted = order;
      std::sort(sorted.begin(), sorted.end());
      bool is_order = static_cast<int64_t>(sorted.size()) == rank;
      for (int64_t i = 0; is_order && i < rank; ++i) is_order = sorted[static_cast<size_t>(i)] == i;
      if (!is_order || graph_.IsGraphOutput(node->output(0))) continue;
      ImportedWeights transposed = Transpose(source->second, order);
      edits_.AddInitializer(FloatProto(node->output(0), transposed.shape, ValuesOf(transposed)));
      edits_.Remove(node);
      imported_.weights[node->output(0)] = std::move(transposed);
    }
  }

  void ReplaceInitializers() {
    if (replaced_.empty()) return;
    for (onnx::TensorProto& tensor : *graph_.mutable_model().mutable_graph()->mutable_initializer()) {
      if (const auto found = replaced_.find(tensor.name()); found != replaced_.end()) tensor.Swap(&found->second);
    }
    graph_.Invalidate();
  }

  // An import of com.microsoft's operators that nobody needs any more.
  absl::Status DropContribDomain() {
    for (const onnx::NodeProto* node : graph_.nodes()) {
      if (node->domain() != kContribDomain) continue;
      return absl::UnimplementedError(
          absl::StrCat("node ", Describe(*node), " of the domain \"", kContribDomain, "\" cannot be taken over",
                       notes_.Lines().empty() ? "" : absl::StrCat(": ", notes_.Lines().front())));
    }
    auto* opsets = graph_.mutable_model().mutable_opset_import();
    for (int i = opsets->size() - 1; i >= 0; --i) {
      if (opsets->Get(i).domain() == kContribDomain) opsets->DeleteSubrange(i, 1);
    }
    return absl::OkStatus();
  }

  Graph& graph_;
  GraphEdits edits_;
  std::unordered_map<std::string, onnx::TensorProto> replaced_;
  // By what the QuantizeLinear reads.
  std::map<std::string, ValueCut> cut_sources_;
  ImportedQuantization imported_;
  ImportNotes notes_;
};

bool ChangesNothing(const onnx::NodeProto& node) { return node.op_type() == "Identity" || node.op_type() == "Dropout"; }

}  // namespace

absl::StatusOr<ImportedQuantization> ImportQuantization(Graph& graph) {
  const std::vector<onnx::NodeProto*> nodes = graph.nodes();
  const bool has_any =
      std::any_of(nodes.begin(), nodes.end(), [](const onnx::NodeProto* node) { return IsDequantize(*node); });
  if (!has_any) return ImportedQuantization();
  return Importer(graph).Run();
}

PinnedTensors::PinnedTensors(Graph& graph, const ImportedQuantization& quantization)
    : graph_(graph), num_outputs_(graph.proto().output_size()) {
  std::vector<std::string> pinned;
  for (const auto& [tensor, activation] : quantization.activations) {
    const onnx::NodeProto* producer = graph.Producer(tensor);
    if (producer != nullptr && !ChangesNothing(*producer) && !graph.IsGraphOutput(tensor)) pinned.push_back(tensor);
  }
  for (const std::string& tensor : pinned) {
    onnx::ValueInfoProto* output = graph_.mutable_model().mutable_graph()->add_output();
    output->set_name(tensor);
    output->mutable_type()->mutable_tensor_type()->set_elem_type(onnx::TensorProto::FLOAT);
    if (const onnx::TypeProto_Tensor* type = graph.TensorType(tensor)) {
      *output->mutable_type()->mutable_tensor_type() = *type;
    }
  }
  graph_.Invalidate();
}

PinnedTensors::~PinnedTensors() {
  auto* outputs = graph_.mutable_model().mutable_graph()->mutable_output();
  // Types of outputs are not among value_info, where a graph has those of all other tensors.
  for (int i = num_outputs_; i < outputs->size(); ++i) {
    *graph_.mutable_model().mutable_graph()->add_value_info() = outputs->Get(i);
  }
  outputs->DeleteSubrange(num_outputs_, outputs->size() - num_outputs_);
  graph_.Invalidate();
}

}  // namespace joinery::compiler
