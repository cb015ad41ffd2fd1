#include "storage/sqlite/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "tests/testing/faulty_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::FaultyVfs;
using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;

class WriterTest : public ::testing::Test {
 protected:
  std::shared_ptr<Writer> Open(const std::string& vfs = "") {
    absl::StatusOr<std::shared_ptr<Writer>> writer = Writer::Open(path_, vfs);
    EXPECT_THAT(writer, IsOk());
    return *writer;
  }

  static absl::Status Add(Writer& writer, const std::string& name, Durability durability = Durability::kPowerLoss) {
    return writer.Run(durability, [&](Database& database) {
      return database.Execute("INSERT INTO pending_work VALUES ('" + name + "')");
    });
  }

  // Of the work that another process would find.
  int64_t Count() const {
    const auto database = Database::Open(path_, Durability::kProcessCrash, "");
    EXPECT_THAT(database, IsOk());
    const auto row = (*database)->Prepare("SELECT count(*) AS work FROM pending_work");
    EXPECT_THAT((*row)->Step(), IsOk());
    return (*row)->Integer("work");
  }

  const TemporaryFolder folder_;
  const std::string path_ = folder_ / "joinery.db";
};

TEST_F(WriterTest, AFailedBodyLeavesNothingAndDoesNotHarmTheOthersOfItsCommit) {
  const auto writer = Open();
  std::atomic<int> added = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i) {
    threads.emplace_back([&, i] {
      const absl::Status status = writer->Run(Durability::kPowerLoss, [&](Database& database) -> absl::Status {
        RETURN_IF_ERROR(database.Execute("INSERT INTO pending_work VALUES ('" + std::to_string(i) + "')"));
        return i % 2 == 0 ? absl::OkStatus() : absl::AbortedError("refused");
      });
      added += status.ok() ? 1 : 0;
      refused += absl::IsAborted(status) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(added, 16);
  EXPECT_EQ(refused, 16);
  EXPECT_EQ(Count(), 16);
}

TEST_F(WriterTest, WhatWasStartedIsAnsweredOnceEachWithItsOwnStatus) {
  std::atomic<int> added = 0;
  std::atomic<int> refused = 0;
  {
    const auto writer = Open();
    for (int i = 0; i < 600; ++i) {
      writer->Start(
          Durability::kPowerLoss,
          [i](Database& database) -> absl::Status {
            RETURN_IF_ERROR(database.Execute("INSERT INTO pending_work VALUES ('" + std::to_string(i) + "')"));
            return i % 2 == 0 ? absl::OkStatus() : absl::AbortedError("refused");
          },
          [&](const absl::Status& status) {
            added += status.ok() ? 1 : 0;
            refused += absl::IsAborted(status) ? 1 : 0;
          });
    }
    // The writer does not go before all are answered.
  }
  EXPECT_EQ(added, 300);
  EXPECT_EQ(refused, 300);
  EXPECT_EQ(Count(), 300);
}

TEST_F(WriterTest, WhatWasStartedIsToldThatTheDiskDoesNotSync) {
  FaultyVfs::Register();
  absl::Status status;
  {
    const auto writer = Open(FaultyVfs::kName);
    FaultyVfs::FailSyncs(true);
    writer->Start(
        Durability::kPowerLoss,
        [](Database& database) { return database.Execute("INSERT INTO pending_work VALUES ('started')"); },
        [&](const absl::Status& told) { status = told; });
  }
  FaultyVfs::FailSyncs(false);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("joinery.db")));
}

TEST_F(WriterTest, WhatDoesNotAskForThePowerLossIsNotToldOfADiskThatDoesNotSync) {
  FaultyVfs::Register();
  const auto writer = Open(FaultyVfs::kName);
  ASSERT_THAT(Add(*writer, "first"), IsOk());
  FaultyVfs::FailSyncs(true);
  EXPECT_THAT(Add(*writer, "relaxed", Durability::kProcessCrash), IsOk());
  FaultyVfs::FailSyncs(false);
  EXPECT_EQ(Count(), 2);
}

TEST_F(WriterTest, F05_AfterAFailedSyncNothingIsAnsweredForUntilAllOfTheLogWasMoved) {
  FaultyVfs::Register();
  const auto writer = Open(FaultyVfs::kName);
  ASSERT_THAT(Add(*writer, "first"), IsOk());
  FaultyVfs::FailSyncs(true);
  EXPECT_THAT(Add(*writer, "second"),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("joinery.db")));
  // Another wait for the disk might say yes to what the kernel has given up.
  EXPECT_THAT(Add(*writer, "third"), StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_THAT(Add(*writer, "fourth", Durability::kProcessCrash),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::_));
  EXPECT_EQ(Count(), 2);
  FaultyVfs::FailSyncs(false);
  ASSERT_THAT(Add(*writer, "fifth"), IsOk());
  EXPECT_EQ(Count(), 3);
  // What the log had is where it belongs: it holds the newest commit only, of two pages at most.
  EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 3 * 4200);
}

}  // namespace
}  // namespace joinery::storage
