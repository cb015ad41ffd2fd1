#include "server/maintenance/backup.h"

#include <atomic>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "server/maintenance/fsck.h"
#include "tests/server/maintenance/data_folder_fixture.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BackupTest : public DataFolderTest {
 protected:
  TemporaryFolder elsewhere_;
  std::string backup_ = elsewhere_ / "backup";
  std::string restored_ = elsewhere_ / "restored";
};

TEST_F(BackupTest, U03_ARestoredBackupIsTheSameAndClean) {
  ASSERT_OK_AND_ASSIGN(const CopyReport made, Backup(folder_.path(), backup_, clock_.Now()));
  EXPECT_EQ(made.blobs, 5);
  EXPECT_EQ(made.bytes, 31);
  EXPECT_EQ(made.linked, 5);
  EXPECT_THAT(made.missing, IsEmpty());
  ASSERT_OK_AND_ASSIGN(const CopyReport restored, Restore(backup_, restored_, clock_.Now()));
  EXPECT_EQ(restored.blobs, 5);
  EXPECT_EQ(restored.linked, 0);
  ASSERT_OK_AND_ASSIGN(const FsckReport report, CheckDataFolder(restored_, {}));
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.references, 4);
  EXPECT_EQ(report.owners, 5);
  ASSERT_OK_AND_ASSIGN(const auto store, storage::LocalBlobStore::Open(restored_, file_system_, clock_));
  ASSERT_OK_AND_ASSIGN(const auto reader, store->Open(base::Sha256("artifact")));
  EXPECT_THAT(reader->Read(0, 100), IsOkAndHolds("artifact"));
}

TEST_F(BackupTest, U03_ABackupOfABusyFolderIsWhole) {
  std::atomic<bool> stop = false;
  std::thread uploads([&] {
    for (int i = 0; !stop; ++i) EXPECT_THAT(Put(absl::StrCat("upload ", i)), IsOk());
  });
  for (int i = 0; i < 5; ++i) {
    const std::string backup = absl::StrCat(backup_, i);
    EXPECT_THAT(Backup(folder_.path(), backup, clock_.Now()), IsOk());
    ASSERT_OK_AND_ASSIGN(const CopyReport restored, Restore(backup, absl::StrCat(restored_, i), clock_.Now()));
    ASSERT_OK_AND_ASSIGN(const FsckReport report, CheckDataFolder(absl::StrCat(restored_, i), {}));
    EXPECT_THAT(report.problems, IsEmpty());
    EXPECT_EQ(report.blobs, report.owners);
  }
  stop = true;
  uploads.join();
}

TEST_F(BackupTest, U03_MissingBlobsAreListed) {
  std::filesystem::remove(PathOf("model"));
  ASSERT_OK_AND_ASSIGN(const CopyReport made, Backup(folder_.path(), backup_, clock_.Now()));
  EXPECT_THAT(made.missing, ElementsAre(base::Sha256("model")));
  ASSERT_OK_AND_ASSIGN(const CopyReport restored, Restore(backup_, restored_, clock_.Now()));
  EXPECT_THAT(restored.missing, ElementsAre(base::Sha256("model")));
}

TEST_F(BackupTest, NothingIsOverwritten) {
  ASSERT_THAT(Backup(folder_.path(), backup_, clock_.Now()), IsOk());
  EXPECT_THAT(Backup(folder_.path(), backup_, clock_.Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not empty")));
  EXPECT_THAT(Restore(backup_, folder_.path(), clock_.Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not empty")));
}

TEST_F(BackupTest, ABackupThatWasBrokenOffIsRefused) {
  ASSERT_THAT(Backup(folder_.path(), backup_, clock_.Now()), IsOk());
  std::filesystem::remove(backup_ + "/backup.json");
  EXPECT_THAT(Restore(backup_, restored_, clock_.Now()),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("broken off")));
}

TEST_F(BackupTest, ADamagedBlobIsNotRestored) {
  ASSERT_THAT(Backup(folder_.path(), backup_, clock_.Now()), IsOk());
  const std::string digest = base::Sha256("model");
  std::ofstream(absl::StrCat(backup_, "/blobs/", digest.substr(0, 2), "/", digest), std::ios::in | std::ios::out)
      << "nodel";
  EXPECT_THAT(Restore(backup_, restored_, clock_.Now()), StatusIs(absl::StatusCode::kDataLoss, HasSubstr(digest)));
  EXPECT_TRUE(std::filesystem::is_empty(restored_));
}

}  // namespace
}  // namespace joinery::server
