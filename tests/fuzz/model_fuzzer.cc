// An ONNX model, up to the point where it would be run.
#include "compiler/frontend/import_model.h"
#include "compiler/frontend/load_model.h"
#include "onnx/defs/parser.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joinery::compiler;
  ModelLimits limits;
  limits.max_nodes = 1000;
  limits.max_tensor_elements = 1 << 20;
  auto model = ParseModel({reinterpret_cast<const char*>(data), size}, "fuzz.onnx", limits);
  if (model.ok()) (void)ImportModel(*std::move(model), {.limits = limits, .input_shapes = {}});
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  std::vector<std::string> seeds;
  for (
      const char* text : {
          R"(<ir_version: 7, opset_import: ["" : 11]> g (float[1,2,4,4] x) => (float[1,4] z)
              <float[2,2,3,3] w = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9}, float[2] b = {1,2}>
              { y = Conv <pads = [1,1,1,1], strides = [2,2]> (x, w, b)  r = Relu(y)  p = GlobalAveragePool(r)
                f = Flatten(p)  z = Concat <axis = 1> (f, f) })",
          R"(<ir_version: 10, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,3] z) <float[3,3] w = {1,0,0,0,1,0,0,0,1}>
              { y = MatMul(x, w)  z = Softmax <axis = 1> (y) })",
          R"(<ir_version: 8, opset_import: ["" : 13]> g (float[2,6] x) => (float[3,4] z) <int64[2] s = {3,4}>
              { y = Reshape(x, s)  t = Transpose <perm = [1,0]> (y)  z = Transpose(t) })",
      }) {
    onnx::ModelProto model;
    onnx::OnnxParser parser(text);
    if (parser.Parse(model).IsOK()) seeds.push_back(model.SerializeAsString());
  }
  return seeds;
}
