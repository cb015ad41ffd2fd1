#include "compiler/target/print_cost.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace joinery::compiler {
namespace {

constexpr size_t kNameWidth = 36;

std::string Megabytes(int64_t bytes) { return absl::StrFormat("%.2f MB", static_cast<double>(bytes) / 1e6); }

std::string Billions(int64_t operations) { return absl::StrFormat("%.3f", static_cast<double>(operations) / 1e9); }

// The end of a name says more than its beginning.
std::string LastPart(const std::string& name) {
  return name.size() <= kNameWidth ? name : absl::StrCat("...", name.substr(name.size() - kNameWidth + 3));
}

}  // namespace

std::string FormatBound(v1::CostBound bound) {
  switch (bound) {
    case v1::COST_BOUND_COMPUTE:
      return "compute";
    case v1::COST_BOUND_VECTOR:
      return "vector unit";
    case v1::COST_BOUND_MEMORY:
      return "DRAM";
    case v1::COST_BOUND_OVERHEAD:
      return "overhead";
    default:
      return "-";
  }
}

std::string FormatCostError(const v1::Cost& cost) {
  if (cost.tested_latencies() == 0) {
    return absl::StrCat("nothing is published for ", cost.target(), " that it could be compared with");
  }
  return absl::StrFormat(
      "of %d published latencies that were not used for fitting half are within %.0f %% of it, nine "
      "of ten within %.0f %%",
      cost.tested_latencies(), cost.median_error_percent(), cost.p90_error_percent());
}

std::string FormatCost(const v1::Cost& cost) {
  std::string text = absl::StrFormat("Estimate for %s, mode %s: %.3f ms (%.3f ms of it whatever the layers)\n",
                                     cost.target(), cost.mode(), cost.latency_ms(), cost.network_overhead_ms());
  absl::StrAppend(&text, "An estimate from shapes, not a measurement: ", FormatCostError(cost), ".\n");
  absl::StrAppend(&text, "Operations: ", Billions(cost.operations()), " billion (a multiplication and an addition are ",
                  "two)\nApprox Memory: ", Megabytes(cost.memory_bytes()), ", weights ", Megabytes(cost.weight_bytes()),
                  "\nDRAM Traffic: ", Megabytes(cost.dram_traffic_bytes()),
                  " an inference\nLargest Layer: ", Megabytes(cost.on_chip_bytes()), " of inputs and outputs\n");
  if (cost.modes_size() > 1) {
    absl::StrAppendFormat(&text, "%-8s %10s %8s  %s\n", "MODE", "LATENCY", "TIMES", "SHARED WITH THE ISP");
    for (const v1::ModeCost& mode : cost.modes()) {
      absl::StrAppendFormat(&text, "%-8s %7.3f ms %8.2f  %s\n", mode.mode(), mode.latency_ms(),
                            cost.latency_ms() > 0 ? mode.latency_ms() / cost.latency_ms() : 0,
                            mode.shares_with_isp() ? "yes" : "no");
    }
  }
  for (const std::string& finding : cost.findings()) absl::StrAppend(&text, "* ", finding, "\n");
  return text;
}

std::string FormatCostInShort(const v1::Cost& cost) {
  std::string text =
      absl::StrFormat("Estimate for %s: %.2f ms in mode %s", cost.target(), cost.latency_ms(), cost.mode());
  for (const v1::ModeCost& mode : cost.modes()) {
    if (mode.mode() == cost.mode()) {
      absl::StrAppend(&text, mode.shares_with_isp() ? " (shared with the ISP)" : "");
    }
  }
  for (const v1::ModeCost& mode : cost.modes()) {
    if (mode.mode() == cost.mode()) continue;
    absl::StrAppendFormat(&text, ", %.2f in %s%s", mode.latency_ms(), mode.mode(),
                          mode.shares_with_isp() ? " (shared)" : "");
  }
  return absl::StrCat(text, "\nNot measured: ", FormatCostError(cost), "\n");
}

std::string FormatCostLayers(const v1::Cost& cost) {
  std::string text = absl::StrFormat("%-36s %-18s %9s %9s %10s %7s  %s\n", "LAYER", "OPERATOR", "10^9 OPS", "DRAM KB",
                                     "US", "SHARE", "BOUND BY");
  for (const v1::LayerCost& layer : cost.layers()) {
    if (layer.time_us() == 0) continue;
    absl::StrAppendFormat(&text, "%-36s %-18s %9s %9.1f %10.2f %5.1f %%  %s\n", LastPart(layer.name()), layer.op_type(),
                          Billions(layer.operations()), static_cast<double>(layer.dram_bytes()) / 1e3, layer.time_us(),
                          cost.latency_ms() > 0 ? layer.time_us() / cost.latency_ms() / 10 : 0,
                          FormatBound(layer.bound()));
  }
  return text;
}

}  // namespace joinery::compiler
