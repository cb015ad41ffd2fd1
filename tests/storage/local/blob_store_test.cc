#include "storage/local/blob_store.h"

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
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
  LocalHarness() : store_(LocalBlobStore::Open(folder_ / "data", file_system_, clock_).value()) {}
  BlobStore& store() { return *store_; }

 private:
  TemporaryFolder folder_;
  FaultyFileSystem file_system_;
  base::RealClock clock_;
  std::unique_ptr<LocalBlobStore> store_;
};

INSTANTIATE_TYPED_TEST_SUITE_P(Local, BlobStoreConformance, LocalHarness);

int CountFiles(const std::string& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) count += entry.is_regular_file();
  return count;
}

std::string PathOf(const TemporaryFolder& folder, const std::string& bytes) {
  const std::string digest = base::Sha256(bytes);
  return folder / ("blobs/" + digest.substr(0, 2) + "/" + digest);
}

UploadKey KeyOf(const std::string& bytes) { return {.project = "p", .digest = base::Sha256(bytes)}; }

// Goes on where an earlier upload broke off.
absl::Status Put(BlobStore& store, const std::string& bytes) {
  ASSIGN_OR_RETURN(const auto writer, store.StartWrite(KeyOf(bytes)));
  for (auto at = static_cast<size_t>(writer->size()); at < bytes.size(); at += 3) {
    RETURN_IF_ERROR(writer->Write(static_cast<int64_t>(at), bytes.substr(at, 3)));
  }
  return writer->Commit(static_cast<int64_t>(bytes.size()));
}

absl::Status PutSome(BlobStore& store, const std::string& bytes, size_t count) {
  ASSIGN_OR_RETURN(const auto writer, store.StartWrite(KeyOf(bytes)));
  return writer->Write(0, bytes.substr(0, count));
}

absl::StatusOr<std::string> Get(BlobStore& store, const std::string& digest) {
  ASSIGN_OR_RETURN(const auto reader, store.Open(digest));
  return reader->Read(0, 1000);
}

class LocalBlobStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<LocalBlobStore> Open() {
    auto store = LocalBlobStore::Open(folder_.path(), file_system_, clock_);
    EXPECT_THAT(store, IsOk());
    return *std::move(store);
  }

  TemporaryFolder folder_;
  RealFileSystem file_system_;
  base::RealClock clock_;
};

TEST_F(LocalBlobStoreTest, ABlobLiesInAFileOfItsName) {
  const auto store = Open();
  ASSERT_THAT(Put(*store, "abc"), IsOk());
  EXPECT_THAT(base::ReadFile(PathOf(folder_, "abc"), 10), IsOkAndHolds("abc"));
  EXPECT_EQ(CountFiles(folder_.path()), 1);
}

TEST_F(LocalBlobStoreTest, F01_WhatArrivedOfAnUploadOutlivesTheProcess) {
  const auto store = Open();
  ASSERT_THAT(Put(*store, "whole"), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto writer, store->StartWrite(KeyOf("half of it")));
  ASSERT_THAT(writer->Write(0, "half"), IsOk());
  // The first store still lives, as what it has open would until the kernel takes it.
  const auto reopened = Open();
  EXPECT_THAT(reopened->Find(base::Sha256("half of it")), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(reopened->UploadedBytes(KeyOf("half of it")), IsOkAndHolds(4));
  EXPECT_THAT(reopened->Find(base::Sha256("whole")), IsOkAndHolds(::testing::Optional(int64_t{5})));
  EXPECT_EQ(reopened->GetStatistics()->count, 1);
  EXPECT_THAT(Put(*reopened, "half of it"), IsOk());
  EXPECT_THAT(Get(*reopened, base::Sha256("half of it")), IsOkAndHolds("half of it"));
  EXPECT_EQ(CountFiles(folder_ / "incoming"), 0);
}

TEST_F(LocalBlobStoreTest, F04_AnUploadWhoseKeptBytesAPowerLossSpoiledBeginsAnew) {
  ASSERT_THAT(PutSome(*Open(), "the bytes", 6), IsOk());
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "incoming")) {
    std::filesystem::resize_file(entry.path(), 0);
    std::filesystem::resize_file(entry.path(), 6);  // Zeros, as of blocks that were never written.
  }
  const auto store = Open();
  EXPECT_THAT(Put(*store, "the bytes"),
              StatusIs(absl::StatusCode::kUnavailable, ::testing::HasSubstr("send it again")));
  EXPECT_THAT(store->Find(base::Sha256("the bytes")), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(Put(*store, "the bytes"), IsOk());
}

TEST_F(LocalBlobStoreTest, AnUploadOfNoBytesLeavesNothing) {
  const auto store = Open();
  ASSERT_THAT(store->StartWrite(KeyOf("never sent")), IsOk());
  EXPECT_EQ(CountFiles(folder_.path()), 0);
}

TEST_F(LocalBlobStoreTest, UploadsThatNobodyGoesOnWithAreThrownAwayAfterADay) {
  auto store = Open();
  ASSERT_THAT(PutSome(*store, "forgotten", 3), IsOk());
  ASSERT_THAT(PutSome(*store, "recent", 3), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto writer, store->StartWrite(KeyOf("running")));
  ASSERT_THAT(writer->Write(0, "run"), IsOk());
  std::ofstream(folder_ / "incoming/upload-7") << "of an older version";
  const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(25);
  for (const auto& entry : std::filesystem::directory_iterator(folder_ / "incoming")) {
    const std::string name = entry.path().filename();
    if (name.substr(0, 64) != base::Sha256("recent")) std::filesystem::last_write_time(entry.path(), old);
  }
  EXPECT_THAT(store->RemoveUploadsUnusedSince(absl::Now() - LocalBlobStore::kUploadLife), IsOkAndHolds(2));
  EXPECT_THAT(store->UploadedBytes(KeyOf("forgotten")), IsOkAndHolds(0));
  EXPECT_THAT(store->UploadedBytes(KeyOf("recent")), IsOkAndHolds(3));
  EXPECT_THAT(store->UploadedBytes(KeyOf("running")), IsOkAndHolds(3));
  // Nobody runs it in the next process.
  EXPECT_THAT(Open()->UploadedBytes(KeyOf("running")), IsOkAndHolds(0));
}

TEST_F(LocalBlobStoreTest, AnUploadReplacesADamagedBlobOfAnotherSize) {
  const auto store = Open();
  ASSERT_THAT(Put(*store, "content"), IsOk());
  std::filesystem::resize_file(PathOf(folder_, "content"), 3);
  ASSERT_THAT(Put(*store, "content"), IsOk());
  EXPECT_THAT(Get(*store, base::Sha256("content")), IsOkAndHolds("content"));
}

TEST_F(LocalBlobStoreTest, F35_UploadingOrTouchingABlobKeepsItFromBeingRemoved) {
  const auto store = Open();
  const absl::Time before = absl::Now() - absl::Hours(1);
  const auto age = [&] {
    std::filesystem::last_write_time(PathOf(folder_, "bytes"),
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(2));
  };
  ASSERT_THAT(Put(*store, "bytes"), IsOk());
  age();
  ASSERT_THAT(Put(*store, "bytes"), IsOk());
  EXPECT_THAT(store->RemoveIfUnusedSince(base::Sha256("bytes"), before), IsOkAndHolds(false));
  age();
  ASSERT_THAT(store->Touch(base::Sha256("bytes")), IsOk());
  EXPECT_THAT(store->RemoveIfUnusedSince(base::Sha256("bytes"), before), IsOkAndHolds(false));
  age();
  EXPECT_THAT(store->RemoveIfUnusedSince(base::Sha256("bytes"), before), IsOkAndHolds(true));
}

TEST_F(LocalBlobStoreTest, ABlobInQuarantineIsKeptForAPersonToLookAt) {
  const auto store = Open();
  ASSERT_THAT(Put(*store, "bytes"), IsOk());
  ASSERT_THAT(store->Quarantine(base::Sha256("bytes")), IsOk());
  EXPECT_EQ(CountFiles(folder_ / "quarantine"), 1);
}

// One of each error that storage may give, at every call of everything the store does.
struct Operation {
  const char* name;
  // What happens before, without faults.
  std::function<absl::Status(BlobStore&)> prepare;
  std::function<absl::Status(BlobStore&)> run;
};

absl::Status Nothing(BlobStore& /*store*/) { return absl::OkStatus(); }

std::vector<Operation> Operations() {
  const auto put = [](BlobStore& store) { return Put(store, "the bytes"); };
  return {
      {"upload", Nothing, put},
      {"upload of an empty blob", Nothing, [](BlobStore& store) { return Put(store, ""); }},
      {"going on with an upload", [](BlobStore& store) { return PutSome(store, "the bytes", 4); }, put},
      {"upload of what is there", put, put},
      {"download", put, [](BlobStore& store) { return Get(store, base::Sha256("the bytes")).status(); }},
      {"touch", put, [](BlobStore& store) { return store.Touch(base::Sha256("the bytes")).status(); }},
      {"quarantine", [](BlobStore& store) { return Put(store, "damaged"); },
       [](BlobStore& store) { return store.Quarantine(base::Sha256("damaged")); }},
      {"removal", [](BlobStore& store) { return Put(store, "unused"); },
       [](BlobStore& store) {
         return store.RemoveIfUnusedSince(base::Sha256("unused"), absl::InfiniteFuture()).status();
       }},
      {"cleaning up uploads", [](BlobStore& store) { return PutSome(store, "half", 2); },
       [](BlobStore& store) { return store.RemoveUploadsUnusedSince(absl::InfiniteFuture()).status(); }},
      {"free space", Nothing, [](BlobStore& store) { return store.FreeBytes().status(); }},
  };
}

TEST(LocalBlobStoreFaultTest, F05_WhicheverCallFailsTheCallerHearsOfItAndNothingThatWasThereIsLost) {
  for (const Operation& operation : Operations()) {
    for (const int error : {EIO, ENOSPC, EMFILE, EDQUOT}) {
      for (const bool stays : {false, true}) {
        SCOPED_TRACE(absl::StrCat(operation.name, " errno ", error, stays ? " stays" : ""));
        int failed = 0;
        int unnoticed = 0;
        for (bool reached = true; reached;) {
          const TemporaryFolder folder;
          FaultyFileSystem file_system;
          const base::RealClock clock;
          ASSERT_OK_AND_ASSIGN(const auto store, LocalBlobStore::Open(folder.path(), file_system, clock));
          ASSERT_THAT(Put(*store, "a neighbour"), IsOk());
          ASSERT_THAT(operation.prepare(*store), IsOk());

          file_system.FailCall(failed + 1, base::ErrnoStatus(error, "the disk"), stays);
          const absl::Status status = operation.run(*store);
          reached = file_system.calls() > failed;
          // Only the removal of what is no longer needed may fail unnoticed: the next start does it.
          unnoticed += reached && status.ok() ? 1 : 0;
          if (!status.ok()) {
            EXPECT_THAT(std::string(status.message()),
                        ::testing::AnyOf(::testing::HasSubstr("the disk"), ::testing::HasSubstr("send it again")));
            EXPECT_TRUE(error == EIO || absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) << status;
          }
          file_system.FailCall(0, absl::OkStatus());
          EXPECT_THAT(Get(*store, base::Sha256("a neighbour")), IsOkAndHolds("a neighbour"));
          // It is whole or absent, and can be done again.
          const auto found = store->Find(base::Sha256("the bytes"));
          EXPECT_THAT(found, IsOkAndHolds(::testing::AnyOf(std::nullopt, ::testing::Optional(int64_t{9}))));
          EXPECT_THAT(operation.run(*store), IsOk());
          EXPECT_THAT(Put(*store, "the bytes"), IsOk());
          EXPECT_THAT(Get(*store, base::Sha256("the bytes")), IsOkAndHolds("the bytes"));
          const int64_t count = store->GetStatistics()->count;
          // A new process sees the same.
          ASSERT_OK_AND_ASSIGN(const auto reopened, LocalBlobStore::Open(folder.path(), file_system, clock));
          EXPECT_EQ(reopened->GetStatistics()->count, count);
          ++failed;
        }
        EXPECT_GT(failed, 1);
        EXPECT_EQ(unnoticed, operation.name == std::string("upload of what is there") ? 1 : 0);
      }
    }
  }
}

TEST(LocalBlobStoreFaultTest, F05_AnUploadThatRanOutOfRoomGoesOnWhenThereIsRoom) {
  const TemporaryFolder folder;
  FaultyFileSystem file_system;
  const base::RealClock clock;
  ASSERT_OK_AND_ASSIGN(const auto store, LocalBlobStore::Open(folder.path(), file_system, clock));
  // Open, then the third of three writes; of its three bytes one gets through.
  file_system.FailCall(4, base::ErrnoStatus(ENOSPC, "the disk"), /*stays=*/true);
  EXPECT_THAT(Put(*store, "the bytes"), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("disk")));
  EXPECT_THAT(store->UploadedBytes(KeyOf("the bytes")), IsOkAndHolds(7));
  file_system.FailCall(0, absl::OkStatus());
  EXPECT_THAT(Put(*store, "the bytes"), IsOk());
}

TEST(LocalBlobStoreFaultTest, F05_OpeningTheStoreFailsCleanlyWhicheverCallFails) {
  const TemporaryFolder folder;
  FaultyFileSystem file_system;
  const base::RealClock clock;
  ASSERT_THAT(Put(**LocalBlobStore::Open(folder.path(), file_system, clock), "kept"), IsOk());
  int failed = 0;
  while (true) {
    std::ofstream(folder / "incoming/left over") << "x";
    file_system.FailCall(failed + 1, base::ErrnoStatus(EIO, "the disk"));
    const auto store = LocalBlobStore::Open(folder.path(), file_system, clock);
    if (store.ok()) break;
    EXPECT_THAT(std::string(store.status().message()), ::testing::HasSubstr("the disk"));
    ++failed;
  }
  file_system.FailCall(0, absl::OkStatus());
  EXPECT_EQ(failed, 5);  // Three folders, their sync, one removal.
  ASSERT_OK_AND_ASSIGN(const auto store, LocalBlobStore::Open(folder.path(), file_system, clock));
  EXPECT_THAT(Get(*store, base::Sha256("kept")), IsOkAndHolds("kept"));
}

TEST_F(LocalBlobStoreTest, OpeningNamesTheFolderThatCannotBeMade) {
  EXPECT_THAT(LocalBlobStore::Open("/no/such/folder", file_system_, clock_),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/no/such/folder")));
}

}  // namespace
}  // namespace joinery::storage
