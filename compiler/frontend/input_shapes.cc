#include "compiler/frontend/input_shapes.h"

#include <map>
#include <unordered_set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

using Dimension = onnx::TensorShapeProto::Dimension;

struct GivenShape {
  std::string name;  // Empty if the option names none.
  std::vector<int64_t> shape;
};

bool IsFixed(const Dimension& dimension) {
  // Some exporters write an open dimension as -1.
  return dimension.has_dim_value() && dimension.dim_value() >= 0;
}

std::string DimensionText(const Dimension& dimension) {
  if (IsFixed(dimension)) return absl::StrCat(dimension.dim_value());
  return dimension.dim_param().empty() ? "?" : dimension.dim_param();
}

std::string ShapeText(const onnx::TensorShapeProto& shape) {
  return absl::StrJoin(shape.dim(), "x", [](std::string* out, const Dimension& dimension) {
    absl::StrAppend(out, DimensionText(dimension));
  });
}

absl::StatusOr<GivenShape> ParseGivenShape(const std::string& text) {
  // Names may have colons themselves.
  const size_t colon = text.rfind(':');
  GivenShape given;
  std::string dimensions = text;
  if (colon != std::string::npos) {
    given.name = text.substr(0, colon);
    dimensions = text.substr(colon + 1);
    if (dimensions.empty()) return given;
  }
  for (const absl::string_view part : absl::StrSplit(dimensions, 'x')) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(part, &value) || value < 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the input shape \"", text, "\" is not one: write NAME:1x3x224x224, with whole numbers from 1 on"));
    }
    given.shape.push_back(value);
  }
  return given;
}

std::string InputList(const onnx::ModelProto& model) {
  return absl::StrJoin(model.graph().input(), ", ", [](std::string* out, const onnx::ValueInfoProto& input) {
    absl::StrAppend(out, "\"", input.name(), "\" (", ShapeText(input.type().tensor_type().shape()), ")");
  });
}

absl::StatusOr<onnx::ValueInfoProto*> FindInput(onnx::ModelProto& model, const std::string& name) {
  auto* inputs = model.mutable_graph()->mutable_input();
  if (name.empty()) {
    if (inputs->size() == 1) return inputs->Mutable(0);
    return absl::InvalidArgumentError(absl::StrCat("an input shape needs a name, as NAME:1x3x224x224, because the ",
                                                   "model has ", inputs->size(), " inputs: ", InputList(model)));
  }
  for (onnx::ValueInfoProto& input : *inputs) {
    if (input.name() == name) return &input;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the model has no input \"", name, "\"; its inputs are ", InputList(model)));
}

// Symbols, as "batch", and what they were fixed to.
using Symbols = std::map<std::string, int64_t>;

absl::Status ApplyGivenShape(const GivenShape& given, onnx::ValueInfoProto* input, Symbols& symbols) {
  onnx::TypeProto_Tensor* type = input->mutable_type()->mutable_tensor_type();
  const std::string given_text = absl::StrJoin(given.shape, "x");
  if (type->has_shape() && type->shape().dim_size() != static_cast<int>(given.shape.size())) {
    return absl::InvalidArgumentError(absl::StrCat("the shape ", given_text, " given for input \"", input->name(),
                                                   "\" has ", given.shape.size(), " dimensions, the model declares ",
                                                   type->shape().dim_size(), ": ", ShapeText(type->shape())));
  }
  onnx::TensorShapeProto fixed;
  for (size_t i = 0; i < given.shape.size(); ++i) {
    fixed.add_dim()->set_dim_value(given.shape[i]);
    if (!type->has_shape()) continue;
    const Dimension& declared = type->shape().dim(static_cast<int>(i));
    bool fits = !IsFixed(declared) || declared.dim_value() == given.shape[i];
    if (!declared.dim_param().empty()) {
      fits = symbols.emplace(declared.dim_param(), given.shape[i]).first->second == given.shape[i];
    }
    if (!fits) {
      return absl::InvalidArgumentError(absl::StrCat("the shape ", given_text, " given for input \"", input->name(),
                                                     "\" contradicts what the model declares: dimension ", i, " of ",
                                                     ShapeText(type->shape())));
    }
  }
  *type->mutable_shape() = std::move(fixed);
  return absl::OkStatus();
}

void ApplySymbols(const Symbols& symbols, onnx::ModelProto& model, std::vector<std::string>& notes) {
  for (onnx::ValueInfoProto& input : *model.mutable_graph()->mutable_input()) {
    for (Dimension& dimension : *input.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim()) {
      if (IsFixed(dimension)) continue;
      const auto symbol = symbols.find(dimension.dim_param());
      if (symbol == symbols.end()) continue;
      dimension.set_dim_value(symbol->second);
      notes.push_back(absl::StrCat("input \"", input.name(), "\": dimension ", symbol->first, " is ", symbol->second,
                                   ", as given"));
    }
  }
}

absl::Status FixWhatIsOpen(onnx::ValueInfoProto& input, std::vector<std::string>& notes) {
  onnx::TypeProto_Tensor* type = input.mutable_type()->mutable_tensor_type();
  if (!type->has_shape()) {
    return absl::InvalidArgumentError(absl::StrCat("input \"", input.name(), "\" has no declared shape; give one, as ",
                                                   "--input-shape ", input.name(), ":1x3x224x224"));
  }
  onnx::TensorShapeProto* shape = type->mutable_shape();
  std::vector<int> open;
  for (int i = 0; i < shape->dim_size(); ++i) {
    if (!IsFixed(shape->dim(i))) open.push_back(i);
  }
  if (open.empty()) return absl::OkStatus();
  if (open == std::vector<int>{0} && shape->dim_size() > 1) {
    notes.push_back(absl::StrCat("input \"", input.name(), "\": its first dimension (", DimensionText(shape->dim(0)),
                                 ") is open and taken as 1"));
    shape->mutable_dim(0)->set_dim_value(1);
    return absl::OkStatus();
  }
  std::vector<std::string> example;
  for (int i = 0; i < shape->dim_size(); ++i) {
    // A batch of one, the channels of a photo, and a size that most detectors take.
    const char* const guess = i == 0 ? "1" : i == 1 && shape->dim_size() == 4 ? "3" : "640";
    example.push_back(IsFixed(shape->dim(i)) ? absl::StrCat(shape->dim(i).dim_value()) : guess);
  }
  return absl::InvalidArgumentError(absl::StrCat("input \"", input.name(), "\" has the open shape ", ShapeText(*shape),
                                                 "; give a fixed one, as --input-shape ", input.name(), ":",
                                                 absl::StrJoin(example, "x")));
}

absl::Status CheckSize(const onnx::ValueInfoProto& input, const ModelLimits& limits) {
  int64_t elements = 1;
  for (const Dimension& dimension : input.type().tensor_type().shape().dim()) {
    if (dimension.dim_value() < 1 || __builtin_mul_overflow(elements, dimension.dim_value(), &elements) ||
        elements > limits.max_tensor_elements) {
      return absl::InvalidArgumentError(absl::StrCat("input \"", input.name(), "\" has the impossible shape ",
                                                     ShapeText(input.type().tensor_type().shape())));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status FixInputShapes(onnx::ModelProto& model, absl::Span<const std::string> given, const ModelLimits& limits,
                            std::vector<std::string>& notes) {
  for (const onnx::ValueInfoProto& input : model.graph().input()) {
    if (!input.type().has_tensor_type()) {
      return absl::UnimplementedError(absl::StrCat("input \"", input.name(), "\" is not a tensor"));
    }
  }
  Symbols symbols;
  std::unordered_set<std::string> seen;
  for (const std::string& text : given) {
    ASSIGN_OR_RETURN(const GivenShape shape, ParseGivenShape(text));
    ASSIGN_OR_RETURN(onnx::ValueInfoProto * input, FindInput(model, shape.name));
    if (!seen.insert(input->name()).second) {
      return absl::InvalidArgumentError(absl::StrCat("input \"", input->name(), "\" is given two shapes"));
    }
    RETURN_IF_ERROR(ApplyGivenShape(shape, input, symbols));
  }
  if (!symbols.empty()) ApplySymbols(symbols, model, notes);
  for (onnx::ValueInfoProto& input : *model.mutable_graph()->mutable_input()) {
    RETURN_IF_ERROR(FixWhatIsOpen(input, notes));
    RETURN_IF_ERROR(CheckSize(input, limits));
  }
  return absl::OkStatus();
}

}  // namespace joinery::compiler
