#include "gpu/selection.h"

#include <optional>
#include <string>
#include <vector>

#include "tests/testing/status_matchers.h"

namespace joinery::gpu {
namespace {

using ::joinery::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<int> Visible(const std::optional<std::string>& value) {
  const std::vector<Gpu> gpus = {{.index = 0, .id = "GPU-aa11"}, {.index = 1, .id = "GPU-bb22"}, {.index = 2}};
  std::vector<int> indices;
  for (const Gpu& gpu : VisibleGpus(gpus, value)) indices.push_back(gpu.index);
  return indices;
}

TEST(VisibleGpusTest, AreThoseThatCudaSees) {
  EXPECT_THAT(Visible(std::nullopt), ElementsAre(0, 1, 2));
  EXPECT_THAT(Visible("2,0"), ElementsAre(2, 0));
  EXPECT_THAT(Visible(" GPU-bb , 0"), ElementsAre(1, 0));
  EXPECT_THAT(Visible(""), IsEmpty());
  EXPECT_THAT(Visible("-1"), IsEmpty());
  EXPECT_THAT(Visible("1,7,0"), ElementsAre(1));
}

TEST(ParseDeviceTest, TakesWhatTheCommandLineHas) {
  EXPECT_EQ(ParseDevice("auto")->kind, DeviceChoice::Kind::kAuto);
  EXPECT_EQ(ParseDevice("cpu")->kind, DeviceChoice::Kind::kCpu);
  EXPECT_EQ(ParseDevice("cuda")->index, 0);
  EXPECT_EQ(ParseDevice("cuda:3")->kind, DeviceChoice::Kind::kCuda);
  EXPECT_EQ(ParseDevice("cuda:3")->index, 3);
  for (const char* text : {"", "gpu", "cuda:", "cuda:-1", "cuda:x"}) {
    EXPECT_THAT(ParseDevice(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("auto, cpu, cuda or cuda:0")))
        << text;
  }
}

TEST(ParseGpuListTest, TakesNumbersAllAndNone) {
  EXPECT_EQ(*ParseGpuList("all"), std::nullopt);
  EXPECT_THAT(**ParseGpuList("none"), IsEmpty());
  EXPECT_THAT(**ParseGpuList("3,2,3"), ElementsAre(2, 3));
  for (const char* text : {"", "2,", "a", "-1"}) {
    EXPECT_THAT(ParseGpuList(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no list of GPUs"))) << text;
  }
}

}  // namespace
}  // namespace joinery::gpu
