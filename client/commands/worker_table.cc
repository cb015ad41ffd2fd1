#include "client/commands/worker_table.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "client/json.h"

namespace joinery::client {
namespace {

// "NVIDIA A10 (8.6, 20.1 GB of 25.8 GB free)".
std::string DescribeGpu(const v1::Gpu& gpu) {
  return absl::StrCat(gpu.name(), " (", gpu.architecture(), ", ", FormatBytes(gpu.free_memory_bytes()), " of ",
                      FormatBytes(gpu.memory_bytes()), " free)");
}

// "8 CPUs, 16.0 GB, 1 GPUs, NVIDIA A10 (8.6, 20.1 GB of 25.8 GB free), lab".
std::string DescribeCapabilities(const v1::Capabilities& capabilities) {
  std::vector<std::string> parts;
  if (capabilities.cpus() > 0) parts.push_back(absl::StrCat(capabilities.cpus(), " CPUs"));
  if (capabilities.memory_bytes() > 0) parts.push_back(FormatBytes(capabilities.memory_bytes()));
  if (capabilities.gpus() > 0) parts.push_back(absl::StrCat(capabilities.gpus(), " GPUs"));
  for (const v1::Gpu& gpu : capabilities.gpu_devices()) parts.push_back(DescribeGpu(gpu));
  parts.insert(parts.end(), capabilities.labels().begin(), capabilities.labels().end());
  return absl::StrJoin(parts, ", ");
}

}  // namespace

absl::Status PrintWorkers(Invocation& invocation, const std::vector<v1::Worker>& workers) {
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(workers, ""));
    return invocation.console().Print(document);
  }
  const bool for_people = invocation.console().traits().out_is_terminal;
  Table table{{"NAME", "COMPILER", "LAST SEEN", "JOB", "TAKES JOBS", "HAS"}, {}};
  table.rows.reserve(workers.size());
  for (const v1::Worker& worker : workers) {
    const absl::Duration age = invocation.clock().Now() - absl::FromUnixSeconds(worker.last_seen_at().seconds());
    table.rows.push_back({worker.name(), worker.compiler_version(),
                          for_people ? FormatAge(age) : FormatTimestamp(worker.last_seen_at()), worker.job_id(),
                          worker.drained() ? "drained" : "yes", DescribeCapabilities(worker.capabilities())});
  }
  return invocation.PrintTable(table);
}

}  // namespace joinery::client
