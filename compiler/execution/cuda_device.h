// An Nvidia GPU as a Device, through ONNX Runtime's CUDA provider, which is loaded when the first model is.
#pragma once

#include <memory>
#include <string>

#include "compiler/execution/device.h"

namespace joinery::compiler {

// `index` is CUDA's, which counts by PCI address here (CUDA_DEVICE_ORDER, unless the environment says otherwise).
// Numbers are float32 throughout (no TF32), and the same on the same GPU with the same libraries: algorithms of
// convolutions are not chosen by trying which is fastest.
std::unique_ptr<Device> MakeCudaDevice(int index, const std::string& name);

}  // namespace joinery::compiler
