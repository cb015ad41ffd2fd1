#include "worker/gpu_pool.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace joinery::worker {
namespace {

bool HasMoreFree(const gpu::Gpu& a, const gpu::Gpu& b) { return a.free_bytes > b.free_bytes; }

}  // namespace

std::vector<std::string> GpuPool::Prove(const Check& check) {
  proven_.clear();
  if (options_.indices.has_value() && options_.indices->empty()) return {};
  const absl::StatusOr<std::vector<gpu::Gpu>> gpus = driver_.List();
  if (!gpus.ok()) {
    if (absl::IsNotFound(gpus.status()) && !options_.indices.has_value()) return {};
    return {absl::StrCat("none: ", gpus.status().message())};
  }
  std::vector<std::string> lines;
  std::set<int> missing;
  if (options_.indices.has_value()) missing.insert(options_.indices->begin(), options_.indices->end());
  for (const gpu::Gpu& gpu : *gpus) {
    if (options_.indices.has_value() && missing.erase(gpu.index) == 0) continue;
    const absl::Status status = ProveAgain(gpu, check);
    lines.push_back(
        absl::StrCat(gpu::Describe(gpu), status.ok() ? " works" : absl::StrCat(" is not used: ", status.message())));
  }
  for (const int index : missing) lines.push_back(absl::StrCat("cuda:", index, " is not used: there is no such GPU"));
  return lines;
}

absl::Status GpuPool::ProveAgain(const gpu::Gpu& gpu, const Check& check) {
  proven_.erase(gpu.id);
  const absl::Status status = gpu.problem.empty() ? check(gpu) : absl::UnavailableError(gpu.problem);
  if (status.ok()) proven_.insert(gpu.id);
  return status;
}

std::vector<gpu::Gpu> GpuPool::List() const {
  if (proven_.empty()) return {};
  absl::StatusOr<std::vector<gpu::Gpu>> gpus = driver_.List();
  if (!gpus.ok()) return {};
  const auto is_bad = [&](const gpu::Gpu& gpu) { return !gpu.problem.empty() || proven_.count(gpu.id) == 0; };
  gpus->erase(std::remove_if(gpus->begin(), gpus->end(), is_bad), gpus->end());
  std::stable_sort(gpus->begin(), gpus->end(), HasMoreFree);
  return *std::move(gpus);
}

base::UniqueFd GpuPool::TryLock(const gpu::Gpu& gpu) const {
  const std::string path = absl::StrCat(options_.lock_folder, "/gpu-", gpu.id, ".lock");
  absl::StatusOr<base::UniqueFd> fd = base::OpenFile(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!fd.ok() || flock(fd->get(), LOCK_EX | LOCK_NB) != 0) return {};
  return *std::move(fd);
}

void GpuPool::Describe(v1::Capabilities& capabilities) {
  capabilities.clear_gpu_devices();
  for (const gpu::Gpu& gpu : List()) {
    if (!TryLock(gpu).valid()) continue;
    v1::Gpu& device = *capabilities.add_gpu_devices();
    device.set_index(gpu.index);
    device.set_name(gpu.name);
    device.set_memory_bytes(gpu.memory_bytes);
    device.set_free_memory_bytes(gpu.free_bytes);
    device.set_architecture(gpu.architecture);
  }
  capabilities.set_gpus(capabilities.gpu_devices_size());
}

std::optional<GpuLease> GpuPool::Take(int64_t memory_bytes) {
  std::optional<gpu::Gpu> shared;
  for (gpu::Gpu& gpu : List()) {
    if (gpu.free_bytes < memory_bytes) continue;
    base::UniqueFd lock = TryLock(gpu);
    if (lock.valid()) return GpuLease{std::move(gpu), std::move(lock)};
    if (memory_bytes > 0 && !shared.has_value()) shared = std::move(gpu);
  }
  if (!shared.has_value()) return std::nullopt;
  return GpuLease{*std::move(shared), base::UniqueFd()};
}

void GpuPool::Give(const gpu::Gpu& gpu, ChildCommand& command) const {
  for (const std::string& name :
       {std::string("nvidiactl"), std::string("nvidia-uvm"), absl::StrCat("nvidia", gpu.device_number)}) {
    command.devices.push_back(absl::StrCat(options_.device_folder, "/", name));
  }
  for (const char* path : {"/proc/driver/nvidia", "/proc/devices", "/sys/bus/pci", "/sys/devices", "/sys/module"}) {
    // In its own view of files the child has a /proc anyway.
    if (!command.sandbox.namespaces || !absl::StartsWith(path, "/proc")) command.readable.emplace_back(path);
  }
  command.readable.insert(command.readable.end(), options_.libraries.begin(), options_.libraries.end());
  command.environment.push_back(absl::StrCat("CUDA_VISIBLE_DEVICES=", gpu.id));
  command.environment.emplace_back("CUDA_DEVICE_ORDER=PCI_BUS_ID");
  if (!options_.libraries.empty()) {
    command.environment.push_back(absl::StrCat("LD_LIBRARY_PATH=", absl::StrJoin(options_.libraries, ":")));
  }
}

}  // namespace joinery::worker
