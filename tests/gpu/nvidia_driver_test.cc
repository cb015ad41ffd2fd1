#include "gpu/nvidia_driver.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace joinery::gpu {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class NvidiaDriverTest : public ::testing::Test {
 protected:
  ~NvidiaDriverTest() override { unsetenv("STAND_IN_NVML"); }

  // The stand-in for Nvidia's library.
  NvidiaDriver driver_{STAND_IN_NVML_LIBRARY};
};

TEST_F(NvidiaDriverTest, TellsWhatTheLibraryTells) {
  ASSERT_OK_AND_ASSIGN(const std::vector<Gpu> gpus, driver_.List());
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[0].index, 0);
  EXPECT_EQ(gpus[0].device_number, 1);
  EXPECT_EQ(gpus[0].id, "GPU-aaaa");
  EXPECT_EQ(gpus[0].memory_bytes, int64_t{24} << 30);
  EXPECT_EQ(gpus[0].free_bytes, int64_t{20} << 30);
  EXPECT_EQ(gpus[0].problem, "");
  EXPECT_EQ(Describe(gpus[0]), "cuda:0 (NVIDIA A10, architecture 8.6, 24.0 GiB)");
  EXPECT_EQ(gpus[1].name, "Tesla K80");
  EXPECT_EQ(gpus[1].architecture, "3.7");
}

TEST_F(NvidiaDriverTest, AGpuThatIsLostIsListedWithItsProblem) {
  setenv("STAND_IN_NVML", "lost", 1);
  ASSERT_OK_AND_ASSIGN(const std::vector<Gpu> gpus, driver_.List());
  ASSERT_EQ(gpus.size(), 2U);
  EXPECT_EQ(gpus[0].problem, "");
  EXPECT_EQ(gpus[1].problem, "GPU is lost");
}

TEST_F(NvidiaDriverTest, ADriverThatDoesNotWorkSaysWhy) {
  setenv("STAND_IN_NVML", "init", 1);
  EXPECT_THAT(driver_.List(), StatusIs(absl::StatusCode::kUnavailable,
                                       "the Nvidia driver does not work: Driver/library version mismatch"));
}

TEST_F(NvidiaDriverTest, NoDriverIsNotFound) {
  EXPECT_THAT(NvidiaDriver("libno-such-driver.so.1").List(),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("no Nvidia driver is installed"), HasSubstr("libno-such-driver.so.1"))));
}

TEST_F(NvidiaDriverTest, ALibraryThatLacksFunctionsIsTooOld) {
  EXPECT_THAT(NvidiaDriver("libc.so.6").List(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("the Nvidia driver is too old")));
}

}  // namespace
}  // namespace joinery::gpu
