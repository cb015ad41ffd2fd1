#include "worker/work_folder.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::TemporaryFolder;

int CountEntries(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(WorkFolderTest, NothingIsLeftWhenJobsAndWorkerEnd) {
  const TemporaryFolder root;
  {
    ASSERT_OK_AND_ASSIGN(WorkFolder folder, WorkFolder::Open(root.path()));
    {
      ASSERT_OK_AND_ASSIGN(const JobFolder job, folder.NewJobFolder());
      std::filesystem::create_directories(job / "deep/down");
      std::ofstream(job / "deep/down/file") << "text";
      std::filesystem::create_symlink("/", job / "link");
      chmod((job / "deep").c_str(), 0);
    }
    EXPECT_EQ(CountEntries((*std::filesystem::directory_iterator(root.path())).path()), 0);
  }
  EXPECT_EQ(CountEntries(root.path()), 0);
  EXPECT_TRUE(std::filesystem::exists("/tmp"));
}

TEST(WorkFolderTest, LeftoversOfDeadWorkersGoAndThoseOfLiveOnesStay) {
  const TemporaryFolder root;
  std::filesystem::create_directories(root / "worker-dead/job-1");
  std::ofstream(root / "worker-dead/job-1/out.joint") << "half";
  std::ofstream(root / "a file of somebody else") << "text";
  ASSERT_OK_AND_ASSIGN(WorkFolder first, WorkFolder::Open(root.path()));
  ASSERT_OK_AND_ASSIGN(const JobFolder job, first.NewJobFolder());
  ASSERT_OK_AND_ASSIGN(WorkFolder second, WorkFolder::Open(root.path()));
  EXPECT_FALSE(std::filesystem::exists(root / "worker-dead"));
  EXPECT_TRUE(std::filesystem::exists(job.path()));
  EXPECT_TRUE(std::filesystem::exists(root / "a file of somebody else"));
  EXPECT_EQ(CountEntries(root.path()), 3);
}

}  // namespace
}  // namespace joinery::worker
