#include "worker/gpu_pool.h"

#include <optional>
#include <string>
#include <vector>

#include "tests/testing/fake_gpu_driver.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::FakeGpuDriver;
using ::joinery::testing::IsOk;
using ::joinery::testing::MakeGpu;
using ::joinery::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::Status AllWork(const gpu::Gpu& /*gpu*/) { return absl::OkStatus(); }

class GpuPoolTest : public ::testing::Test {
 protected:
  GpuPool Pool(std::optional<std::vector<int>> indices = std::nullopt) {
    return GpuPool(driver_, {.indices = std::move(indices), .lock_folder = folder_.path()});
  }

  // Indices and free memory, as the server is told.
  static std::vector<int> Told(GpuPool& pool) {
    v1::Capabilities capabilities;
    pool.Describe(capabilities);
    std::vector<int> indices;
    for (const v1::Gpu& gpu : capabilities.gpu_devices()) indices.push_back(gpu.index());
    EXPECT_EQ(capabilities.gpus(), static_cast<int>(indices.size()));
    return indices;
  }

  TemporaryFolder folder_;
  FakeGpuDriver driver_{std::vector<gpu::Gpu>{MakeGpu(0, 4), MakeGpu(1, 20), MakeGpu(2, 10)}};
};

TEST_F(GpuPoolTest, TellsWhatEachGpuIs) {
  GpuPool pool = Pool(std::vector<int>{1});
  EXPECT_THAT(pool.Prove(AllWork), ElementsAre("cuda:1 (NVIDIA A10, architecture 8.6, 24.0 GiB) works"));
  v1::Capabilities capabilities;
  pool.Describe(capabilities);
  ASSERT_THAT(capabilities.gpu_devices(), SizeIs(1));
  EXPECT_EQ(capabilities.gpu_devices(0).name(), "NVIDIA A10");
  EXPECT_EQ(capabilities.gpu_devices(0).architecture(), "8.6");
  EXPECT_EQ(capabilities.gpu_devices(0).memory_bytes(), int64_t{24} << 30);
  EXPECT_EQ(capabilities.gpu_devices(0).free_memory_bytes(), int64_t{20} << 30);
}

TEST_F(GpuPoolTest, GivesOnlyGpusThatPassAndAreAllowed) {
  GpuPool pool = Pool(std::vector<int>{0, 2, 7});
  const std::vector<std::string> lines = pool.Prove([](const gpu::Gpu& gpu) {
    return gpu.index == 2 ? absl::FailedPreconditionError("no code for its architecture") : absl::OkStatus();
  });
  EXPECT_THAT(lines, ElementsAre(HasSubstr("cuda:0 (NVIDIA A10, architecture 8.6, 24.0 GiB) works"),
                                 HasSubstr("is not used: no code for its architecture"),
                                 "cuda:7 is not used: there is no such GPU"));
  EXPECT_THAT(Told(pool), ElementsAre(0));
}

TEST_F(GpuPoolTest, AJobHasItsGpuForItselfAmongAllWorkersOfTheFolder) {
  GpuPool pool = Pool();
  GpuPool other = Pool();
  pool.Prove(AllWork);
  other.Prove(AllWork);
  std::optional<GpuLease> first = pool.Take(0);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->gpu.index, 1);
  EXPECT_THAT(Told(other), ElementsAre(2, 0));
  const std::optional<GpuLease> second = other.Take(0);
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->gpu.index, 2);
  first.reset();
  EXPECT_THAT(Told(other), ElementsAre(1, 0));
}

TEST_F(GpuPoolTest, AGpuIsSharedOnlyByJobsThatSayWhatTheyNeed) {
  GpuPool pool = Pool(std::vector<int>{1});
  pool.Prove(AllWork);
  const std::optional<GpuLease> first = pool.Take(0);
  EXPECT_FALSE(pool.Take(0).has_value());
  EXPECT_FALSE(pool.Take(int64_t{21} << 30).has_value());
  const std::optional<GpuLease> shared = pool.Take(int64_t{8} << 30);
  ASSERT_TRUE(shared.has_value());
  EXPECT_EQ(shared->gpu.index, 1);
  EXPECT_FALSE(shared->lock.valid());
}

TEST_F(GpuPoolTest, TakesOneThatHasTheMemory) {
  GpuPool pool = Pool(std::vector<int>{0, 2});
  pool.Prove(AllWork);
  EXPECT_EQ(pool.Take(int64_t{5} << 30)->gpu.index, 2);
  EXPECT_FALSE(pool.Take(int64_t{11} << 30).has_value());
}

TEST_F(GpuPoolTest, F08_AGpuThatIsLostIsNotTold) {
  GpuPool pool = Pool();
  pool.Prove(AllWork);
  gpu::Gpu lost = MakeGpu(1, 20);
  lost.problem = "GPU is lost";
  driver_.Be(std::vector<gpu::Gpu>{MakeGpu(0, 4), lost});
  EXPECT_THAT(Told(pool), ElementsAre(0));
  driver_.Be(absl::UnavailableError("the Nvidia driver does not work"));
  EXPECT_THAT(Told(pool), IsEmpty());
}

TEST_F(GpuPoolTest, F08_AGpuThatFailedAJobIsProvenAgain) {
  GpuPool pool = Pool(std::vector<int>{0, 1});
  pool.Prove(AllWork);
  EXPECT_FALSE(
      pool.ProveAgain(MakeGpu(1, 20), [](const gpu::Gpu&) { return absl::UnavailableError("it hangs"); }).ok());
  EXPECT_THAT(Told(pool), ElementsAre(0));
  EXPECT_THAT(pool.ProveAgain(MakeGpu(1, 20), AllWork), IsOk());
  EXPECT_THAT(Told(pool), ElementsAre(1, 0));
}

TEST_F(GpuPoolTest, WithoutADriverThereIsNothingToSayUnlessGpusWereAskedFor) {
  driver_.Be(absl::NotFoundError("no Nvidia driver is installed"));
  GpuPool pool = Pool();
  EXPECT_THAT(pool.Prove(AllWork), IsEmpty());
  EXPECT_THAT(Told(pool), IsEmpty());
  GpuPool asked = Pool(std::vector<int>{0});
  EXPECT_THAT(asked.Prove(AllWork), ElementsAre("none: no Nvidia driver is installed"));
  GpuPool none = Pool(std::vector<int>());
  EXPECT_THAT(none.Prove(AllWork), IsEmpty());
}

}  // namespace
}  // namespace joinery::worker
