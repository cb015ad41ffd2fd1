#include "telemetry/process_metrics.h"

#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/version.h"

namespace joinery::telemetry {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

// Positions in /proc/self/stat behind the program's name, which may hold anything (man 5 proc).
constexpr size_t kUserTime = 11;
constexpr size_t kSystemTime = 12;
constexpr size_t kThreads = 17;
constexpr size_t kStartTime = 19;
constexpr size_t kVirtualBytes = 20;
constexpr size_t kResidentPages = 21;
constexpr size_t kFieldCount = 22;

std::string ReadAll(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

MetricFamily MakeFamily(const char* name, const char* help, MetricType type, double value) {
  prometheus::ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return {name, help, type, {std::move(metric)}};
}

double Number(const std::vector<std::string>& fields, size_t index) {
  double value = 0;
  return absl::SimpleAtod(fields[index], &value) ? value : 0;
}

// Seconds since 1970 when the host started; 0 if it is not told.
double BootTime() {
  for (const absl::string_view line : absl::StrSplit(ReadAll("/proc/stat"), '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    double value = 0;
    if (words.size() == 2 && words[0] == "btime" && absl::SimpleAtod(words[1], &value)) return value;
  }
  return 0;
}

MetricFamily BuildInfo() {
  MetricFamily family =
      MakeFamily("joinery_build_info", "1, with the program's version as a label.", MetricType::Gauge, 1);
  family.metric[0].label.push_back({"version", base::kVersion});
  return family;
}

MetricFamily OpenDescriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end;
       entry.increment(error)) {
    ++count;
  }
  return MakeFamily("process_open_fds", "Open file descriptors.", MetricType::Gauge, count);
}

}  // namespace

std::vector<MetricFamily> ProcessMetrics::Collect() const {
  std::vector<MetricFamily> families = {BuildInfo(), OpenDescriptors()};
  const std::string stat = ReadAll("/proc/self/stat");
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > stat.size()) return families;
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 2), ' ');
  if (fields.size() < kFieldCount) return families;
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  families.push_back(MakeFamily("process_cpu_seconds_total", "Processor time used, of user and system.",
                                MetricType::Counter,
                                (Number(fields, kUserTime) + Number(fields, kSystemTime)) / ticks));
  families.push_back(MakeFamily("process_resident_memory_bytes", "Memory in use, in bytes.", MetricType::Gauge,
                                Number(fields, kResidentPages) * static_cast<double>(sysconf(_SC_PAGESIZE))));
  families.push_back(MakeFamily("process_virtual_memory_bytes", "Address space in use, in bytes.", MetricType::Gauge,
                                Number(fields, kVirtualBytes)));
  families.push_back(
      MakeFamily("process_threads", "Threads of the process.", MetricType::Gauge, Number(fields, kThreads)));
  families.push_back(MakeFamily("process_start_time_seconds", "When the process began, in seconds since 1970.",
                                MetricType::Gauge, BootTime() + Number(fields, kStartTime) / ticks));
  return families;
}

}  // namespace joinery::telemetry
