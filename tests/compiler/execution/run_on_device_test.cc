#include "compiler/execution/run_on_device.h"

#include <memory>
#include <string>
#include <vector>

#include "compiler/execution/cuda_device.h"
#include "compiler/execution/executor.h"
#include "compiler/failure.h"
#include "tests/compiler/frontend/onnx_text.h"
#include "tests/testing/fake_gpu_driver.h"
#include "tests/testing/faulty_device.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::gpu::DeviceChoice;
using ::joinery::testing::FakeGpuDriver;
using ::joinery::testing::FaultyDevice;
using ::joinery::testing::IsOk;
using ::joinery::testing::MakeGpu;
using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kOutOfMemory[] = "CUDA failure 2: out of memory ; GPU=0";
constexpr char kLost[] = "CUDA failure 999: unknown error ; GPU=0";
constexpr int kNever = 1 << 20;
constexpr DeviceChoice kAuto;
constexpr DeviceChoice kCuda = {DeviceChoice::Kind::kCuda, 0};
// Loading and running the small model that tells whether a GPU works.
constexpr int kStepsOfCheck = 2;

class RunOnDeviceTest : public ::testing::Test {
 protected:
  absl::Status Run(const DeviceChoice& choice, int runs = 1) {
    const DeviceSurroundings surroundings{.driver = driver_, .make_device = [this](int index, const std::string&) {
                                            made_.push_back(index);
                                            return std::make_unique<FaultyDevice>(first_failure_, words_);
                                          }};
    return RunOnDevice(
        choice, surroundings, [this](absl::string_view warning) { warnings_.emplace_back(warning); },
        [&](Device* device) -> absl::Status {
          ran_on_.push_back(device == nullptr ? "cpu" : device->name());
          absl::StatusOr<std::unique_ptr<Executor>> executor = LoadOnnxRuntime(
              ParseOnnxText("g () => (float[2] y) <float[2] c = {1, 2}> { y = Neg(c) }"), {.device = device});
          for (int i = 0; i < runs && executor.ok(); ++i) {
            if (const absl::Status status = RunToTensors(**executor, {}).status(); !status.ok()) return status;
          }
          return executor.status();
        });
  }

  FakeGpuDriver driver_{std::vector<gpu::Gpu>{MakeGpu(0, 4), MakeGpu(1, 20)}};
  int first_failure_ = kNever;
  std::string words_ = kOutOfMemory;
  std::vector<int> made_;
  std::vector<std::string> ran_on_;
  std::vector<std::string> warnings_;
};

TEST_F(RunOnDeviceTest, AutoTakesTheGpuWithTheMostFreeMemory) {
  EXPECT_THAT(Run(kAuto), IsOk());
  EXPECT_THAT(made_, ElementsAre(1));
  EXPECT_THAT(ran_on_, ElementsAre("cuda:0 (stand-in)"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(RunOnDeviceTest, AutoSaysNothingWhereThereIsNoDriver) {
  driver_.Be(absl::NotFoundError("no Nvidia driver is installed"));
  EXPECT_THAT(Run(kAuto), IsOk());
  EXPECT_THAT(ran_on_, ElementsAre("cpu"));
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(RunOnDeviceTest, AutoTriesAllGpusAndThenTheCpu) {
  first_failure_ = 1;
  words_ = "CUDA failure 209: no kernel image is available for execution on the device";
  EXPECT_THAT(Run(kAuto), IsOk());
  EXPECT_THAT(made_, ElementsAre(1, 0));
  EXPECT_THAT(ran_on_, ElementsAre("cpu"));
  EXPECT_THAT(warnings_,
              ElementsAre(HasSubstr("architecture"), HasSubstr("architecture"), HasSubstr("running on the CPU")));
}

TEST_F(RunOnDeviceTest, F08_AutoStartsAgainOnTheCpuWhateverStepTheGpuFailsAt) {
  for (const char* words : {kOutOfMemory, kLost}) {
    words_ = words;
    for (int step = kStepsOfCheck + 1; step <= kStepsOfCheck + 4; ++step) {
      first_failure_ = step;
      ran_on_.clear();
      warnings_.clear();
      EXPECT_THAT(Run(kAuto, /*runs=*/3), IsOk());
      EXPECT_THAT(ran_on_, ElementsAre("cuda:0 (stand-in)", "cpu"));
      EXPECT_THAT(warnings_, ElementsAre(HasSubstr("; starting again on the CPU")));
    }
  }
}

TEST_F(RunOnDeviceTest, WorkThatHidesTheFaultIsRepeatedToo) {
  std::vector<bool> on_gpu;
  const DeviceSurroundings surroundings{.driver = driver_, .make_device = [](int, const std::string&) {
                                          return std::make_unique<FaultyDevice>(kStepsOfCheck + 1, kLost);
                                        }};
  EXPECT_THAT(RunOnDevice(
                  kAuto, surroundings, [](absl::string_view) {},
                  [&](Device* device) {
                    on_gpu.push_back(device != nullptr);
                    LoadOnnxRuntime(ParseOnnxText("g (float[2] x) => (float[2] y) { y = Neg(x) }"), {.device = device})
                        .IgnoreError();
                    return absl::OkStatus();
                  }),
              IsOk());
  EXPECT_THAT(on_gpu, ElementsAre(true, false));
}

TEST_F(RunOnDeviceTest, F08_AGpuThatIsAskedForByNameAndFailsIsAnError) {
  first_failure_ = kStepsOfCheck + 2;
  words_ = kLost;
  const absl::Status status = Run(kCuda);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("stopped working")));
  EXPECT_EQ(ToFailure(status).reason(), v1::FAILURE_REASON_GPU_UNAVAILABLE);
  EXPECT_THAT(ran_on_, ElementsAre("cuda:0 (stand-in)"));
}

TEST_F(RunOnDeviceTest, AGpuThatIsNotThereIsAnError) {
  EXPECT_THAT(Run({DeviceChoice::Kind::kCuda, 2}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("this program sees 2 GPUs")));
  driver_.Be(absl::NotFoundError("no Nvidia driver is installed"));
  EXPECT_THAT(Run(kCuda), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no Nvidia driver is installed")));
  gpu::Gpu lost = MakeGpu(0, 0);
  lost.problem = "GPU is lost";
  driver_.Be(std::vector<gpu::Gpu>{lost});
  EXPECT_THAT(Run(kCuda), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("GPU is lost")));
  EXPECT_THAT(ran_on_, IsEmpty());
}

TEST_F(RunOnDeviceTest, CpuAsksNobody) {
  EXPECT_THAT(Run({DeviceChoice::Kind::kCpu}), IsOk());
  EXPECT_THAT(made_, IsEmpty());
  EXPECT_THAT(ran_on_, ElementsAre("cpu"));
}

TEST_F(RunOnDeviceTest, AModelsOwnFaultIsNoReasonForTheCpu) {
  int calls = 0;
  const DeviceSurroundings surroundings{.driver = driver_, .make_device = [](int, const std::string&) {
                                          return std::make_unique<FaultyDevice>(kNever, kLost);
                                        }};
  EXPECT_THAT(RunOnDevice(
                  kAuto, surroundings, [](absl::string_view) {},
                  [&](Device* device) {
                    ++calls;
                    return LoadOnnxRuntime(ParseOnnxText("g (float[2] x) => (float[2] y) { y = NoSuchOperator(x) }"),
                                           {.device = device})
                        .status();
                  }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NoSuchOperator")));
  EXPECT_EQ(calls, 1);
}

// With the ONNX Runtime that is linked, which has no CUDA provider; without a driver its own is not asked.
TEST(CudaDeviceTest, WithoutTheProviderSaysSo) {
  const std::unique_ptr<Device> device = MakeCudaDevice(0, "cuda:0 (test)");
  const auto executor =
      LoadOnnxRuntime(ParseOnnxText("g (float[2] x) => (float[2] y) { y = Neg(x) }"), {.device = device.get()});
  EXPECT_THAT(executor, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("cuda:0 (test) cannot be used")));
  EXPECT_EQ(device->fault(), executor.status());
}

}  // namespace
}  // namespace joinery::compiler
