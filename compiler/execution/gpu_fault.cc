#include "compiler/execution/gpu_fault.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compiler/failure.h"

namespace joinery::compiler {
namespace {

constexpr char kOrCpu[] = ", or run on the CPU (--device cpu)";

enum class Cause { kMemory, kLibrary, kProvider, kDriver, kNoGpu, kArchitecture, kBusy, kLost };

struct Pattern {
  absl::string_view text;
  Cause cause;
};

// What is in an error's text; the first that fits counts.
constexpr std::array kPatterns = {
    Pattern{"CUDA execution provider is not enabled in this build", Cause::kProvider},
    Pattern{"libonnxruntime_providers_cuda.so: cannot open shared object file", Cause::kProvider},
    Pattern{"libonnxruntime_providers_shared.so: cannot open shared object file", Cause::kProvider},
    Pattern{"libcuda.so.1: cannot open shared object file", Cause::kDriver},
    Pattern{"cannot open shared object file", Cause::kLibrary},
    Pattern{"cuDNN is unavailable", Cause::kLibrary},
    Pattern{"Failed to load shared library", Cause::kLibrary},
    Pattern{"Failed to load library", Cause::kLibrary},
    Pattern{"CUDNN_STATUS_ALLOC_FAILED", Cause::kMemory},
    Pattern{"CUBLAS_STATUS_ALLOC_FAILED", Cause::kMemory},
    Pattern{"Failed to allocate memory for requested buffer", Cause::kMemory},
    Pattern{"Available memory of", Cause::kMemory},
    Pattern{"CUDNN_STATUS_ARCH_MISMATCH", Cause::kArchitecture},
    Pattern{"CUBLAS_STATUS_ARCH_MISMATCH", Cause::kArchitecture},
    Pattern{"no kernel image is available", Cause::kArchitecture},
    Pattern{"out of memory", Cause::kMemory},
};

struct CudaError {
  int number;
  Cause cause;
};

constexpr std::array kCudaErrors = {
    CudaError{2, Cause::kMemory},          // cudaErrorMemoryAllocation
    CudaError{34, Cause::kDriver},         // cudaErrorStubLibrary
    CudaError{35, Cause::kDriver},         // cudaErrorInsufficientDriver
    CudaError{46, Cause::kBusy},           // cudaErrorDevicesUnavailable
    CudaError{100, Cause::kNoGpu},         // cudaErrorNoDevice
    CudaError{101, Cause::kNoGpu},         // cudaErrorInvalidDevice
    CudaError{209, Cause::kArchitecture},  // cudaErrorNoKernelImageForDevice
    CudaError{803, Cause::kDriver},        // cudaErrorSystemDriverMismatch
};

// N of "CUDA failure N: ..."; 0 if there is none.
int CudaNumber(absl::string_view words) {
  constexpr absl::string_view kIntroduction = "CUDA failure ";
  const size_t begin = words.find(kIntroduction);
  if (begin == absl::string_view::npos) return 0;
  absl::string_view number = words.substr(begin + kIntroduction.size());
  const auto* const end =
      std::find_if_not(number.begin(), number.end(), [](unsigned char c) { return absl::ascii_isdigit(c); });
  number = number.substr(0, static_cast<size_t>(end - number.begin()));
  int value = 0;
  return absl::SimpleAtoi(number, &value) ? value : 0;
}

std::optional<Cause> CauseOf(absl::string_view words) {
  const int number = CudaNumber(words);
  for (const CudaError& error : kCudaErrors) {
    if (error.number == number) return error.cause;
  }
  for (const Pattern& pattern : kPatterns) {
    if (absl::StrContains(words, pattern.text)) return pattern.cause;
  }
  for (const char* family : {"CUDA", "CUDNN", "CUBLAS", "CUFFT", "CURAND"}) {
    if (absl::StrContains(words, absl::StrCat(family, " failure")) ||
        absl::StrContains(words, absl::StrCat(family, " error")) ||
        absl::StrContains(words, absl::StrCat(family, "_STATUS_"))) {
      return Cause::kLost;
    }
  }
  return std::nullopt;
}

// "libcublasLt.so.13" of "...libcublasLt.so.13: cannot open shared object file...".
std::string MissingLibrary(absl::string_view words) {
  const size_t end = words.find(": cannot open shared object file");
  if (end == absl::string_view::npos) return "one of the libraries of CUDA 13 or cuDNN 9";
  const absl::string_view before = words.substr(0, end);
  return std::string(before.substr(before.find_last_of(" :\"") + 1));
}

// The part of an error's text that is not a path of a source file.
std::string Essence(absl::string_view words) {
  constexpr size_t kMaxBytes = 200;
  const size_t begin = words.find("CUDA failure");
  std::string essence(begin == absl::string_view::npos ? words : words.substr(begin));
  essence = essence.substr(0, essence.find('\n'));
  // CUDA adds where in ONNX Runtime it happened.
  essence = essence.substr(0, essence.find(" ; GPU="));
  if (essence.size() > kMaxBytes) essence.resize(kMaxBytes);
  return essence;
}

absl::Status Unusable(absl::string_view message) { return absl::FailedPreconditionError(message); }

absl::Status StatusOf(Cause cause, absl::string_view words, const std::string& device) {
  switch (cause) {
    case Cause::kMemory:
      return absl::ResourceExhaustedError(absl::StrCat(
          device, " ran out of memory: free some, use one that has more, a smaller model or fewer threads", kOrCpu));
    case Cause::kProvider:
      return Unusable(
          absl::StrCat(device,
                       " cannot be used: this ONNX Runtime has no CUDA provider; put its GPU build in place "
                       "as docs/gpu.md says",
                       kOrCpu));
    case Cause::kLibrary:
      return Unusable(absl::StrCat(device, " cannot be used: ", MissingLibrary(words),
                                   " is missing; install CUDA 13 and cuDNN 9 where the loader finds them", kOrCpu));
    case Cause::kDriver:
      return Unusable(absl::StrCat(device,
                                   " cannot be used: the Nvidia driver is missing or too old for CUDA 13; install "
                                   "version 580 or newer",
                                   kOrCpu));
    case Cause::kNoGpu:
      return Unusable(absl::StrCat(device,
                                   " cannot be used: CUDA sees no such GPU; look at nvidia-smi and at "
                                   "CUDA_VISIBLE_DEVICES",
                                   kOrCpu));
    case Cause::kArchitecture:
      return Unusable(
          absl::StrCat(device,
                       " cannot be used: ONNX Runtime's CUDA provider has no code for its architecture; use "
                       "another GPU",
                       kOrCpu));
    case Cause::kBusy:
      return absl::UnavailableError(
          absl::StrCat(device, " cannot be used: another program has it for itself; use another GPU", kOrCpu));
    case Cause::kLost:
      break;
  }
  return absl::UnavailableError(absl::StrCat(device, " stopped working (", Essence(words),
                                             "): look at nvidia-smi and the kernel's log; try again elsewhere",
                                             kOrCpu));
}

}  // namespace

std::optional<absl::Status> GpuFault(absl::string_view words, const std::string& device) {
  const std::optional<Cause> cause = CauseOf(words);
  if (!cause.has_value()) return std::nullopt;
  return WithReason(StatusOf(*cause, words, device),
                    *cause == Cause::kMemory ? v1::FAILURE_REASON_OUT_OF_MEMORY : v1::FAILURE_REASON_GPU_UNAVAILABLE);
}

}  // namespace joinery::compiler
