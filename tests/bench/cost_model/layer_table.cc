// layer_table MODEL.onnx...: for each model a file beside it, MODEL.tsv: its layers as the cost model sees them.
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "compiler/frontend/simplify.h"
#include "compiler/target/layer_shapes.h"

namespace joinery::compiler {
namespace {

absl::Status WriteTable(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(onnx::ModelProto model, LoadModel(path.string(), ModelLimits()));
  ASSIGN_OR_RETURN(Imported imported, ImportModel(std::move(model), ImportOptions()));
  ASSIGN_OR_RETURN(const std::vector<PassReport> passes, Simplify(imported.graph));
  std::vector<LayerShape> layers = ListLayers(imported.graph);
  // Names say where a layer comes from and cost more room than all the rest.
  for (size_t i = 0; i < layers.size(); ++i) layers[i].name = absl::StrCat(i);
  return base::WriteFileAtomically(std::filesystem::path(path).replace_extension(".tsv").string(), LayerTable(layers));
}

}  // namespace
}  // namespace joinery::compiler

int main(int argc, char** argv) {
  int exit_code = 0;
  for (int i = 1; i < argc; ++i) {
    const absl::Status status = joinery::compiler::WriteTable(argv[i]);
    if (status.ok()) continue;
    std::cerr << argv[i] << ": " << status << "\n";
    exit_code = 1;
  }
  return exit_code;
}
