#include "gpu/selection.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace joinery::gpu {
namespace {

// nullptr if `word` names none.
const Gpu* FindGpu(const std::vector<Gpu>& gpus, absl::string_view word) {
  int index = 0;
  const bool is_number = absl::SimpleAtoi(word, &index);
  const auto found = std::find_if(gpus.begin(), gpus.end(), [&](const Gpu& gpu) {
    return is_number ? gpu.index == index : !word.empty() && absl::StartsWith(gpu.id, word);
  });
  return found == gpus.end() ? nullptr : &*found;
}

}  // namespace

std::vector<Gpu> VisibleGpus(const std::vector<Gpu>& gpus, const std::optional<std::string>& visible_devices) {
  if (!visible_devices.has_value()) return gpus;
  std::vector<Gpu> visible;
  for (const absl::string_view word : absl::StrSplit(*visible_devices, ',')) {
    const Gpu* gpu = FindGpu(gpus, absl::StripAsciiWhitespace(word));
    if (gpu == nullptr) break;
    visible.push_back(*gpu);
  }
  return visible;
}

absl::StatusOr<DeviceChoice> ParseDevice(absl::string_view text) {
  if (text == "auto") return DeviceChoice{};
  if (text == "cpu") return DeviceChoice{DeviceChoice::Kind::kCpu};
  if (text == "cuda") return DeviceChoice{DeviceChoice::Kind::kCuda};
  absl::string_view number = text;
  int index = 0;
  if (absl::ConsumePrefix(&number, "cuda:") && absl::SimpleAtoi(number, &index) && index >= 0) {
    return DeviceChoice{DeviceChoice::Kind::kCuda, index};
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no device: write auto, cpu, cuda or cuda:0"));
}

absl::StatusOr<std::optional<std::vector<int>>> ParseGpuList(absl::string_view text) {
  if (text == "all") return std::nullopt;
  if (text == "none") return std::vector<int>();
  std::set<int> indices;
  for (const absl::string_view word : absl::StrSplit(text, ',')) {
    int index = 0;
    if (!absl::SimpleAtoi(word, &index) || index < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\" is no list of GPUs: write all, none, or numbers as nvidia-smi has them: 2,3"));
    }
    indices.insert(index);
  }
  return std::vector<int>(indices.begin(), indices.end());
}

}  // namespace joinery::gpu
