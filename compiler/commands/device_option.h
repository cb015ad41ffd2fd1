// --device: where the commands that run models run them.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "compiler/execution/device.h"
#include "compiler/execution/run_on_device.h"
#include "gpu/selection.h"

namespace joinery::compiler {

// An option whose value is a device. `choice` must outlive `app`.
CLI::Option& AddDeviceOption(CLI::App& app, const std::string& name, const std::string& description,
                             gpu::DeviceChoice& choice);

// --device. `choice` must outlive `app`.
void AddDeviceOption(CLI::App& app, gpu::DeviceChoice& choice);

// This machine's driver and GPUs. Lives for ever.
const DeviceSurroundings& ThisMachine();

// RunOnDevice on this machine; `warn` prints to standard error unless it is given.
absl::Status RunOnChosenDevice(const gpu::DeviceChoice& choice, const std::function<absl::Status(Device* device)>& work,
                               const std::function<void(absl::string_view)>& warn = nullptr);

}  // namespace joinery::compiler
