#include "storage/requirements.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace joinery::storage {
namespace {

bool HasLabel(const v1::Capabilities& capabilities, const std::string& label) {
  return std::find(capabilities.labels().begin(), capabilities.labels().end(), label) != capabilities.labels().end();
}

bool HasLabels(const v1::Capabilities& capabilities, const v1::Requirements& requirements) {
  return std::all_of(requirements.labels().begin(), requirements.labels().end(),
                     [&](const std::string& label) { return HasLabel(capabilities, label); });
}

// Of the GPU that has the most of it.
int64_t FreeGpuMemory(const v1::Capabilities& capabilities) {
  int64_t most = 0;
  for (const v1::Gpu& gpu : capabilities.gpu_devices()) most = std::max(most, gpu.free_memory_bytes());
  return most;
}

std::string Gibibytes(int64_t bytes) { return absl::StrFormat("%.1f GiB", static_cast<double>(bytes) / (1 << 30)); }

// "8 CPUs, 4.0 GiB of memory and the label lab".
std::string Describe(const v1::Requirements& requirements) {
  std::vector<std::string> parts;
  if (requirements.cpus() > 0) parts.push_back(absl::StrCat(requirements.cpus(), " CPUs"));
  if (requirements.memory_bytes() > 0) parts.push_back(Gibibytes(requirements.memory_bytes()) + " of memory");
  if (requirements.gpus() > 0) parts.push_back(absl::StrCat(requirements.gpus(), " GPUs"));
  if (requirements.gpu_memory_bytes() > 0) {
    parts.push_back(Gibibytes(requirements.gpu_memory_bytes()) + " of free GPU memory");
  }
  if (requirements.labels_size() > 0) {
    parts.push_back(absl::StrCat("the labels ", absl::StrJoin(requirements.labels(), ", ")));
  }
  return absl::StrJoin(parts, " and ");
}

// Of what the workers have the most, as far as the job asks for it.
std::string DescribeBest(absl::Span<const v1::Capabilities> workers, const v1::Requirements& requirements) {
  v1::Capabilities best;
  int64_t gpu_memory = 0;
  for (const v1::Capabilities& worker : workers) {
    best.set_cpus(std::max(best.cpus(), worker.cpus()));
    best.set_memory_bytes(std::max(best.memory_bytes(), worker.memory_bytes()));
    best.set_gpus(std::max(best.gpus(), worker.gpus()));
    best.mutable_labels()->MergeFrom(worker.labels());
    gpu_memory = std::max(gpu_memory, FreeGpuMemory(worker));
  }
  std::vector<std::string> lacks;
  if (best.cpus() < requirements.cpus()) lacks.push_back(absl::StrCat("at most ", best.cpus(), " CPUs"));
  if (best.memory_bytes() < requirements.memory_bytes()) {
    lacks.push_back(absl::StrCat("at most ", Gibibytes(best.memory_bytes()), " of memory"));
  }
  if (best.gpus() < requirements.gpus()) lacks.push_back(absl::StrCat("at most ", best.gpus(), " GPUs"));
  if (gpu_memory < requirements.gpu_memory_bytes()) {
    lacks.push_back(absl::StrCat("at most ", Gibibytes(gpu_memory), " of free GPU memory"));
  }
  for (const std::string& label : requirements.labels()) {
    if (!HasLabel(best, label)) lacks.push_back(absl::StrCat("no label ", label));
  }
  if (lacks.empty()) return "no one of them has all of it";
  return absl::StrCat("they have ", absl::StrJoin(lacks, " and "));
}

}  // namespace

bool Satisfies(const v1::Capabilities& capabilities, const v1::Requirements& requirements) {
  return capabilities.cpus() >= requirements.cpus() && capabilities.memory_bytes() >= requirements.memory_bytes() &&
         capabilities.gpus() >= requirements.gpus() && FreeGpuMemory(capabilities) >= requirements.gpu_memory_bytes() &&
         HasLabels(capabilities, requirements);
}

std::string WhyNobodyCan(absl::Span<const v1::Capabilities> live_workers, const v1::Requirements& requirements) {
  if (live_workers.empty()) return "no worker is running: start a joinery-worker that reaches this server";
  for (const v1::Capabilities& worker : live_workers) {
    if (Satisfies(worker, requirements)) return "";
  }
  return absl::StrCat("none of the ", live_workers.size(), " running workers has ", Describe(requirements), ": ",
                      DescribeBest(live_workers, requirements), "; start a worker that has it, or ask for less");
}

}  // namespace joinery::storage
