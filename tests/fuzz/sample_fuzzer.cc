// A calibration sample: a photo or an array, told apart by its content or its name.
#include "compiler/calibration/image.h"
#include "compiler/calibration/npy.h"
#include "compiler/calibration/numpy_object.h"
#include "tests/compiler/calibration/builders.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joinery::compiler;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)DecodeImage(bytes, "fuzz");
  (void)ParseNpy(bytes, "fuzz.npy");
  (void)ParseNumpyObject(bytes, "fuzz.npy", "x");
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  using namespace joinery::compiler;
  const std::vector<float> values = {1, 2, 3};
  return {EncodeJpeg(Gradient(16, 8, 3)), EncodeJpeg(Gradient(9, 9, 1), /*progressive=*/true),
          EncodePng(Gradient(8, 8, 3)), FormatNpy(MakeTensor<float>(onnx::TensorProto::FLOAT, {3}, values)),
          NumpyObjectFile()};
}
