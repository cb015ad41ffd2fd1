#include "compiler/commands/device_option.h"

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "compiler/execution/cuda_device.h"
#include "gpu/nvidia_driver.h"

namespace joinery::compiler {
namespace {

std::optional<std::string> VisibleDevices() {
  const char* value = std::getenv("CUDA_VISIBLE_DEVICES");
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

CLI::Option& AddDeviceOption(CLI::App& app, const std::string& name, const std::string& description,
                             gpu::DeviceChoice& choice) {
  return *app.add_option_function<std::string>(
      name,
      [name, &choice](const std::string& text) {
        const absl::StatusOr<gpu::DeviceChoice> parsed = gpu::ParseDevice(text);
        if (!parsed.ok()) throw CLI::ValidationError(name, std::string(parsed.status().message()));
        choice = *parsed;
      },
      description);
}

void AddDeviceOption(CLI::App& app, gpu::DeviceChoice& choice) {
  AddDeviceOption(app, "--device", "Where models run: auto (a GPU that works, else the CPU), cpu, cuda:N", choice)
      .type_name("auto|cpu|cuda:N [auto]");
}

const DeviceSurroundings& ThisMachine() {
  static auto& driver = *new gpu::NvidiaDriver();
  static const auto& machine =
      *new DeviceSurroundings{.driver = driver, .make_device = MakeCudaDevice, .visible_devices = VisibleDevices()};
  return machine;
}

absl::Status RunOnChosenDevice(const gpu::DeviceChoice& choice, const std::function<absl::Status(Device* device)>& work,
                               const std::function<void(absl::string_view)>& warn) {
  const auto print = [](absl::string_view warning) { std::cerr << "warning: " << warning << '\n'; };
  return RunOnDevice(choice, ThisMachine(), warn ? warn : print, work);
}

}  // namespace joinery::compiler
