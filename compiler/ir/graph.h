// A view on an ONNX model's main graph: who produces a tensor, who reads it, what shape it has; and edits that keep
// these answers right.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// Owns the model. Nodes and initializers keep their addresses until they are removed. Change which tensors a node reads
// or writes only through this class; attributes may be changed directly. Not thread-safe.
//
// A tensor that a nested graph (a branch of If, the body of Loop) reads counts as read by the node that has that graph.
class Graph {
 public:
  explicit Graph(onnx::ModelProto model);

  const onnx::ModelProto& model() const { return model_; }
  onnx::ModelProto& mutable_model() { return model_; }
  // Takes the model out; the graph must not be used afterwards.
  onnx::ModelProto TakeModel() && { return std::move(model_); }

  const onnx::GraphProto& proto() const { return model_.graph(); }

  // All nodes, in the graph's order. The pointers are those of the model.
  std::vector<onnx::NodeProto*> nodes();

  // The node that writes `tensor`, or null for graph inputs, initializers and unknown names.
  onnx::NodeProto* Producer(const std::string& tensor);
  // The nodes that read `tensor`, in the graph's order, each once.
  std::vector<onnx::NodeProto*> Consumers(const std::string& tensor);
  // The constant called `tensor`, or null. Constants that are graph inputs at the same time (a default that the user
  // may replace, IR versions below 4) are not constants.
  const onnx::TensorProto* Initializer(const std::string& tensor);
  bool IsGraphInput(const std::string& tensor) const;
  bool IsGraphOutput(const std::string& tensor) const;

  // Graph inputs that the user must give: those without a default.
  std::vector<const onnx::ValueInfoProto*> Inputs() const;

  // The type and shape that shape inference, or the model, gave `tensor`; null if neither did.
  const onnx::TypeProto_Tensor* TensorType(const std::string& tensor);
  // Its shape if all dimensions are known.
  std::optional<std::vector<int64_t>> Shape(const std::string& tensor);
  // onnx::TensorProto::DataType, UNDEFINED if unknown.
  int32_t ElementType(const std::string& tensor);

  // Adds a node at the end. Call SortTopologically when done.
  onnx::NodeProto* AddNode(const std::string& op_type, const std::string& name, absl::Span<const std::string> inputs,
                           absl::Span<const std::string> outputs);
  void AddInitializer(onnx::TensorProto tensor);
  void RemoveNode(const onnx::NodeProto* node);
  // Inputs that the node does not have yet are added; those before `index` are left out (an empty name).
  void SetInput(onnx::NodeProto* node, int index, const std::string& tensor);
  void SetOutput(onnx::NodeProto* node, int index, const std::string& tensor);
  // Makes every node (nested graphs included) that reads `from` read `to`. Graph outputs stay.
  void ReplaceUses(const std::string& from, const std::string& to);

  // A tensor name that nothing in the model has, nested graphs included: `wish`, or `wish` with a number. It counts as
  // taken from then on.
  std::string UniqueTensorName(const std::string& wish);
  // The same for nodes.
  std::string UniqueNodeName(const std::string& wish);

  // Removes nodes none of whose outputs is read, and initializers nobody reads. Returns how many of both.
  int RemoveDeadNodes();

  // Orders the nodes so that each comes after what it reads, otherwise keeping their order.
  // kInvalidArgument if there is a cycle, naming one node of it.
  absl::Status SortTopologically();

  // Tells the view that the model was changed in another way.
  void Invalidate() {
    index_is_valid_ = false;
    taken_names_.reset();
  }

 private:
  struct Uses {
    onnx::NodeProto* producer = nullptr;
    std::vector<onnx::NodeProto*> consumers;
    const onnx::TensorProto* initializer = nullptr;
    const onnx::TypeProto_Tensor* type = nullptr;
    bool is_input = false;
    bool is_output = false;
  };

  // Names of tensors and nodes, nested graphs included.
  struct TakenNames {
    std::unordered_set<std::string> tensors;
    std::unordered_set<std::string> nodes;
  };

  void BuildIndex();
  TakenNames& Taken();
  const Uses* Find(const std::string& tensor);

  onnx::ModelProto model_;
  std::unordered_map<std::string, Uses> index_;
  bool index_is_valid_ = false;
  // Made when first asked for; a name that is no longer used may stay in it.
  std::optional<TakenNames> taken_names_;
};

// Calls `visit` with the name of every tensor that `node` reads, those its nested graphs read from outside included.
// Names that are empty (an optional input left out) are skipped.
void ForEachInput(const onnx::NodeProto& node, const std::function<void(const std::string&)>& visit);

// Whether the node has a graph as an attribute: If, Loop, Scan and their like.
bool HasNestedGraph(const onnx::NodeProto& node);

// The node's name, or "OP_TYPE that makes TENSOR" if it has none: how messages call it.
std::string Describe(const onnx::NodeProto& node);

// The node's attribute, or null.
const onnx::AttributeProto* FindAttribute(const onnx::NodeProto& node, absl::string_view name);
int64_t IntAttribute(const onnx::NodeProto& node, absl::string_view name, int64_t otherwise);
float FloatAttribute(const onnx::NodeProto& node, absl::string_view name, float otherwise);
std::string StringAttribute(const onnx::NodeProto& node, absl::string_view name, absl::string_view otherwise);
std::vector<int64_t> IntsAttribute(const onnx::NodeProto& node, absl::string_view name);
void SetIntAttribute(onnx::NodeProto* node, absl::string_view name, int64_t value);
void SetIntsAttribute(onnx::NodeProto* node, absl::string_view name, absl::Span<const int64_t> values);

// The version of ONNX's own operator set that the model uses; 0 if it names none.
int64_t OpsetVersion(const onnx::ModelProto& model);

}  // namespace joinery::compiler
