// joineryc devices: where models can run on this machine.
#include <iostream>
#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/status.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/device_option.h"
#include "compiler/commands/exit_code.h"

namespace joinery::compiler {
namespace {

// Of those that work, the last word of the line is "yes".
absl::Status PrintDevices() {
  std::cout << "cpu     works: yes\n";
  const absl::StatusOr<std::vector<CheckedGpu>> gpus = CheckGpus(ThisMachine());
  if (!gpus.ok()) {
    std::cout << "no GPU: " << gpus.status().message() << '\n';
    return absl::OkStatus();
  }
  if (gpus->empty()) std::cout << "no GPU: the driver tells of none that this program may use\n";
  for (const CheckedGpu& checked : *gpus) {
    const gpu::Gpu& gpu = checked.gpu;
    std::cout << absl::StrFormat("cuda:%d  %s, architecture %s, %.1f of %.1f GiB free, id %s, works: %s\n", gpu.index,
                                 gpu.name, gpu.architecture, static_cast<double>(gpu.free_bytes) / (1 << 30),
                                 static_cast<double>(gpu.memory_bytes) / (1 << 30), gpu.id,
                                 checked.status.ok() ? "yes" : "no");
    if (!checked.status.ok()) std::cout << "        " << checked.status.message() << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

void AddDevicesCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("devices", "Show where models can run on this machine");
  auto device = std::make_shared<gpu::DeviceChoice>();
  AddDeviceOption(*command, "--check", "Print nothing; exit with 0 if a small model runs on this device", *device)
      .type_name("cuda:N");
  command->footer("Examples:\n  joineryc devices\n  joineryc devices --check cuda:0");
  command->callback([command, device, &exit_code] {
    const bool checks = command->count("--check") > 0;
    const absl::Status status =
        checks ? RunOnChosenDevice(*device, [](Device*) { return absl::OkStatus(); }) : PrintDevices();
    exit_code = status.ok() ? kExitSuccess : ReportError(status);
  });
}

}  // namespace joinery::compiler
