#include "storage/local/blob_store.h"

#include <cerrno>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "base/status.h"
#include "tests/storage/blob_store_conformance.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::FaultyFileSystem;
using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;

class LocalHarness {
 public:
  LocalHarness() : store_(LocalBlobStore::Open(folder_ / "data", file_system_).value()) {}
  BlobStore& store() { return *store_; }

 private:
  TemporaryFolder folder_;
  RealFileSystem file_system_;
  std::unique_ptr<LocalBlobStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Local, BlobStoreConformance, LocalHarness);

int CountFiles(const std::string& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) count += entry.is_regular_file();
  return count;
}

absl::Status Put(BlobStore& store, const std::string& bytes) {
  ASSIGN_OR_RETURN(const auto writer, store.StartWrite());
  RETURN_IF_ERROR(writer->Append(bytes.substr(0, bytes.size() / 2)));
  RETURN_IF_ERROR(writer->Append(bytes.substr(bytes.size() / 2)));
  return writer->Commit(base::Sha256(bytes), static_cast<int64_t>(bytes.size()));
}

TEST(LocalBlobStoreTest, ABlobLiesInAFileOfItsName) {
  const TemporaryFolder folder;
  RealFileSystem file_system;
  ASSERT_OK_AND_ASSIGN(const auto store, LocalBlobStore::Open(folder.path(), file_system));
  ASSERT_THAT(Put(*store, "abc"), IsOk());
  const std::string digest = base::Sha256("abc");
  EXPECT_THAT(base::ReadFile(folder / ("blobs/" + digest.substr(0, 2) + "/" + digest), 10), IsOkAndHolds("abc"));
  EXPECT_EQ(CountFiles(folder.path()), 1);
}

TEST(LocalBlobStoreTest, BlobsStayAndUnfinishedUploadsGoWhenTheProcessDies) {
  const TemporaryFolder folder;
  RealFileSystem file_system;
  ASSERT_OK_AND_ASSIGN(auto store, LocalBlobStore::Open(folder.path(), file_system));
  ASSERT_THAT(Put(*store, "whole"), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto writer, store->StartWrite());
  ASSERT_THAT(writer->Append("half"), IsOk());
  ASSERT_EQ(CountFiles(folder / "incoming"), 1);
  // The first store still lives, as what it has open would until the kernel takes it.
  ASSERT_OK_AND_ASSIGN(const auto reopened, LocalBlobStore::Open(folder.path(), file_system));
  EXPECT_EQ(CountFiles(folder / "incoming"), 0);
  EXPECT_THAT(reopened->Find(base::Sha256("whole")), IsOkAndHolds(::testing::Optional(int64_t{5})));
  EXPECT_EQ(reopened->GetStatistics()->count, 1);
}

TEST(LocalBlobStoreTest, AnAbandonedUploadLeavesNothing) {
  const TemporaryFolder folder;
  RealFileSystem file_system;
  ASSERT_OK_AND_ASSIGN(const auto store, LocalBlobStore::Open(folder.path(), file_system));
  ASSERT_OK_AND_ASSIGN(auto writer, store->StartWrite());
  ASSERT_THAT(writer->Append("half"), IsOk());
  writer.reset();
  EXPECT_EQ(CountFiles(folder.path()), 0);
}

TEST(LocalBlobStoreTest, AnUploadReplacesADamagedBlobOfAnotherSize) {
  const TemporaryFolder folder;
  RealFileSystem file_system;
  ASSERT_OK_AND_ASSIGN(const auto store, LocalBlobStore::Open(folder.path(), file_system));
  ASSERT_THAT(Put(*store, "content"), IsOk());
  const std::string digest = base::Sha256("content");
  std::filesystem::resize_file(folder / ("blobs/" + digest.substr(0, 2) + "/" + digest), 3);
  ASSERT_THAT(Put(*store, "content"), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto reader, store->Open(digest));
  EXPECT_THAT(reader->Read(0, 100), IsOkAndHolds("content"));
}

// Fails the first call, the second, ... until an upload gets through.
TEST(LocalBlobStoreTest, WhicheverCallFailsNothingIsLeftAndTheNextUploadSucceeds) {
  for (const bool stays : {false, true}) {
    int failed = 0;
    for (int call = 1;; ++call) {
      SCOPED_TRACE(call);
      const TemporaryFolder folder;
      FaultyFileSystem file_system;
      ASSERT_OK_AND_ASSIGN(const auto store, LocalBlobStore::Open(folder.path(), file_system));
      ASSERT_THAT(Put(*store, "a neighbour"), IsOk());
      file_system.FailCall(call, base::ErrnoStatus(ENOSPC, "disk"), stays);
      const absl::Status status = Put(*store, "the bytes");
      if (status.ok()) break;
      ++failed;
      EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("disk")));
      EXPECT_THAT(store->Find(base::Sha256("the bytes")), IsOkAndHolds(std::nullopt));
      EXPECT_EQ(CountFiles(folder.path()), 1);
      file_system.FailCall(0, absl::OkStatus());
      EXPECT_THAT(Put(*store, "the bytes"), IsOk());
      EXPECT_EQ(store->GetStatistics()->count, 2);
    }
    // Create, two writes, sync, make folder, sync folder, rename, sync folder.
    EXPECT_EQ(failed, 8);
  }
}

TEST(LocalBlobStoreTest, OpeningNamesTheFolderThatCannotBeMade) {
  RealFileSystem file_system;
  EXPECT_THAT(LocalBlobStore::Open("/no/such/folder", file_system),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/no/such/folder")));
}

}  // namespace
}  // namespace joinery::storage
