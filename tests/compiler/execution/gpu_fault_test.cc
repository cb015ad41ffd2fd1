#include "compiler/execution/gpu_fault.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "compiler/failure.h"

namespace joinery::compiler {
namespace {

using ::testing::HasSubstr;

struct Case {
  std::string name;
  // As ONNX Runtime has it: those of libraries were seen with its GPU build on a machine without a GPU, the others are
  // from reports of its users.
  std::string words;
  absl::StatusCode code;
  v1::FailureReason reason;
  // In the sentence.
  std::string says;
};

class GpuFaultTest : public ::testing::TestWithParam<Case> {};

TEST_P(GpuFaultTest, IsToldInASentence) {
  const Case& c = GetParam();
  const std::optional<absl::Status> fault = GpuFault(c.words, "cuda:0 (NVIDIA A10)");
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->code(), c.code);
  EXPECT_EQ(ToFailure(*fault).reason(), c.reason);
  EXPECT_THAT(std::string(fault->message()), HasSubstr(c.says));
  EXPECT_THAT(std::string(fault->message()), HasSubstr("cuda:0 (NVIDIA A10)"));
  EXPECT_THAT(std::string(fault->message()), HasSubstr("--device cpu"));
}

constexpr auto kGone = v1::FAILURE_REASON_GPU_UNAVAILABLE;
constexpr auto kFull = v1::FAILURE_REASON_OUT_OF_MEMORY;
constexpr auto kCannot = absl::StatusCode::kFailedPrecondition;
constexpr auto kLost = absl::StatusCode::kUnavailable;
constexpr auto kExhausted = absl::StatusCode::kResourceExhausted;
constexpr char kCall[] = "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:129 CudaCall ";

INSTANTIATE_TEST_SUITE_P(
    , GpuFaultTest,
    ::testing::ValuesIn<Case>({
        {"NoProvider", "CUDA execution provider is not enabled in this build. ", kCannot, kGone, "no CUDA provider"},
        {"NoProviderLibrary",
         "Failed to load library libonnxruntime_providers_cuda.so with error: libonnxruntime_providers_cuda.so: cannot "
         "open shared object file: No such file or directory",
         kCannot, kGone, "no CUDA provider"},
        {"MissingLibrary",
         "OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library\nFailed to load library "
         "libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: No such file "
         "or directory",
         kCannot, kGone, "libcublasLt.so.13 is missing"},
        {"MissingDriver",
         "Failed to load library libonnxruntime_providers_cuda.so with error: libcuda.so.1: cannot open shared object "
         "file: No such file or directory",
         kCannot, kGone, "driver is missing or too old"},
        {"NoCudnn", "cuDNN is unavailable for CUDA Execution Provider: cuDNN library was not found", kCannot, kGone,
         "cuDNN 9"},
        {"OldDriver",
         std::string(kCall) + "CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0 ;",
         kCannot, kGone, "driver is missing or too old"},
        {"NoDevice", std::string(kCall) + "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ;", kCannot,
         kGone, "CUDA sees no such GPU"},
        {"Architecture",
         std::string(kCall) + "CUDA failure 209: no kernel image is available for execution on the device ; GPU=0 ;",
         kCannot, kGone, "no code for its architecture"},
        {"CudnnArchitecture", "CUDNN failure 3008: CUDNN_STATUS_ARCH_MISMATCH ; GPU=0 ;", kCannot, kGone,
         "no code for its architecture"},
        {"Busy", std::string(kCall) + "CUDA failure 46: all CUDA-capable devices are busy or unavailable ; GPU=0 ;",
         kLost, kGone, "another program has it"},
        {"Memory", std::string(kCall) + "CUDA failure 2: out of memory ; GPU=0 ; hostname=h ;", kExhausted, kFull,
         "ran out of memory"},
        {"ArenaMemory",
         "Non-zero status code returned while running Conv node. Name:'c' Status Message: bfc_arena.cc:376 "
         "AllocateRawInternal Failed to allocate memory for requested buffer of size 4294967296",
         kExhausted, kFull, "ran out of memory"},
        {"CublasMemory", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ;", kExhausted, kFull,
         "ran out of memory"},
        {"Lost", std::string(kCall) + "CUDA failure 999: unknown error ; GPU=0 ; hostname=h ;", kLost, kGone,
         "stopped working (CUDA failure 999: unknown error)"},
        {"IllegalAddress", std::string(kCall) + "CUDA failure 700: an illegal memory access was encountered ; GPU=0 ;",
         kLost, kGone, "CUDA failure 700"},
    }),
    [](const auto& test) { return test.param.name; });

TEST(OtherFaultTest, WhatIsTheModelsFaultIsNotTheGpus) {
  EXPECT_FALSE(GpuFault("Fatal error: NoSuchOperator(-1) is not a registered function/op", "cuda:0").has_value());
  EXPECT_FALSE(GpuFault("Reshape node: the input tensor cannot be reshaped", "cuda:0").has_value());
  EXPECT_FALSE(GpuFault("", "cuda:0").has_value());
}

}  // namespace
}  // namespace joinery::compiler
