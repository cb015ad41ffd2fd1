#include "compiler/evaluation/float_reference.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/backend/attach_outputs.h"
#include "compiler/backend/attach_preprocessing.h"
#include "compiler/frontend/edit_model.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"

namespace joinery::compiler {

absl::StatusOr<onnx::ModelProto> LoadFloatReference(const std::string& path,
                                                    const v1::BuildConfiguration& configuration) {
  ImportOptions options;
  for (const v1::InputConfiguration& input : configuration.inputs()) {
    options.input_shapes.push_back(absl::StrCat(input.name(), ":", absl::StrJoin(input.model_shape(), "x")));
  }
  ASSIGN_OR_RETURN(onnx::ModelProto model, LoadModel(path, options.limits));
  RETURN_IF_ERROR(EditModel(configuration.edits(), model));
  ASSIGN_OR_RETURN(Imported imported, ImportModel(std::move(model), options));
  RETURN_IF_ERROR(AttachPreprocessing(imported.graph, configuration).status());
  RETURN_IF_ERROR(AttachOutputs(imported.graph, configuration).status());
  return std::move(imported.graph).TakeModel();
}

}  // namespace joinery::compiler
