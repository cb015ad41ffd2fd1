// A `.joint`: as the bytes of a model, and as the manifest of one that is otherwise good.
#include "compiler/backend/joint_file.h"
#include "compiler/evaluation/html_report.h"
#include "compiler/evaluation/print_layers.h"
#include "compiler/frontend/load_model.h"
#include "onnx/defs/parser.h"
#include "tests/fuzz/fuzz_target.h"

namespace joinery::compiler {
namespace {

constexpr char kManifestKey[] = "joinery.manifest";

// What the programs that read a `.joint` do with its manifest.
void Show(const v1::Manifest& manifest) {
  (void)ToJson(manifest, /*pretty=*/true);
  (void)FormatLayers(manifest.precision(), 10);
  v1::Report report;
  *report.mutable_manifest() = manifest;
  (void)FormatHtmlReport(report);
}

void Read(const onnx::ModelProto& model) {
  if (!HasManifest(model)) return;
  const auto manifest = ReadManifest(model, "fuzz.joint");
  if (manifest.ok()) Show(*manifest);
}

onnx::ModelProto WithManifest(const std::string& text) {
  onnx::ModelProto model;
  onnx::OnnxParser parser(R"(<ir_version: 10, opset_import: ["" : 17]> g (float[1,3] x) => (float[1,3] y) {
                              y = Relu(x) })");
  (void)parser.Parse(model).IsOK();
  onnx::StringStringEntryProto* entry = model.add_metadata_props();
  entry->set_key(kManifestKey);
  entry->set_value(text);
  return model;
}

}  // namespace
}  // namespace joinery::compiler

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joinery::compiler;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  ModelLimits limits;
  limits.max_nodes = 1000;
  limits.max_tensor_elements = 1 << 20;
  const auto model = ParseModel(bytes, "fuzz.joint", limits);
  if (model.ok()) Read(*model);
  Read(WithManifest(bytes));
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  using namespace joinery::compiler;
  v1::Manifest manifest;
  manifest.set_format_version(kJointFormatVersion);
  manifest.set_tool_version("1.0");
  manifest.set_model_digest(std::string(64, 'a'));
  manifest.mutable_configuration()->mutable_target()->set_hardware("AX650");
  v1::TensorInfo* input = manifest.add_inputs();
  input->set_name("x");
  input->set_element_type("uint8");
  for (const int64_t dimension : {1, 3}) input->add_shape(dimension);
  v1::Part* part = manifest.add_parts();
  part->set_name("npu:0");
  part->set_nodes(3);
  manifest.mutable_precision()->set_samples(2);
  v1::OutputPrecision* output = manifest.mutable_precision()->add_outputs();
  output->set_name("y");
  output->set_cosine_mean(0.99);
  v1::LayerPrecision* layer = manifest.mutable_precision()->add_layers();
  layer->set_name("conv <b>1</b>");
  const std::string text = ToJson(manifest, /*pretty=*/false);
  return {text, WithManifest(text).SerializeAsString()};
}
