// What every BlobStore must do. A backend is done when it passes:
//
//   struct MyHarness { storage::BlobStore& store(); };  // default-constructible; a new, empty store
//   INSTANTIATE_TYPED_TEST_SUITE_P(My, BlobStoreConformance, MyHarness);
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "storage/blob_store.h"
#include "tests/testing/status_matchers.h"

namespace joinery::storage {

template <typename Harness>
class BlobStoreConformance : public ::testing::Test {
 protected:
  BlobStore& store() { return harness_.store(); }

  absl::Status Put(const std::string& bytes) {
    auto writer = store().StartWrite();
    if (!writer.ok()) return writer.status();
    const absl::Status status = (*writer)->Append(bytes);
    if (!status.ok()) return status;
    return (*writer)->Commit(base::Sha256(bytes), static_cast<int64_t>(bytes.size()));
  }

  bool Has(const std::string& bytes) {
    const auto size = store().Find(base::Sha256(bytes));
    EXPECT_THAT(size, joinery::testing::IsOk());
    return size->has_value();
  }

 private:
  Harness harness_;
};

TYPED_TEST_SUITE_P(BlobStoreConformance);

TYPED_TEST_P(BlobStoreConformance, WhatWasCommittedCanBeReadFromAnyOffset) {
  ASSERT_THAT(this->Put("some bytes"), joinery::testing::IsOk());
  EXPECT_THAT(this->store().Find(base::Sha256("some bytes")),
              joinery::testing::IsOkAndHolds(::testing::Optional(int64_t{10})));
  ASSERT_OK_AND_ASSIGN(const auto reader, this->store().Open(base::Sha256("some bytes")));
  EXPECT_EQ(reader->size(), 10);
  EXPECT_THAT(reader->Read(0, 100), joinery::testing::IsOkAndHolds("some bytes"));
  EXPECT_THAT(reader->Read(5, 3), joinery::testing::IsOkAndHolds("byt"));
  EXPECT_THAT(reader->Read(9, 3), joinery::testing::IsOkAndHolds("s"));
  EXPECT_THAT(reader->Read(10, 3), joinery::testing::IsOkAndHolds(""));
  EXPECT_THAT(reader->Read(1000, 3), joinery::testing::IsOkAndHolds(""));
}

TYPED_TEST_P(BlobStoreConformance, AnEmptyBlobIsABlob) {
  EXPECT_FALSE(this->Has(""));
  ASSERT_THAT(this->Put(""), joinery::testing::IsOk());
  EXPECT_TRUE(this->Has(""));
  ASSERT_OK_AND_ASSIGN(const auto reader, this->store().Open(base::Sha256("")));
  EXPECT_THAT(reader->Read(0, 1), joinery::testing::IsOkAndHolds(""));
}

TYPED_TEST_P(BlobStoreConformance, WhatIsNotThereIsNotFound) {
  EXPECT_THAT(this->store().Find(base::Sha256("absent")), joinery::testing::IsOkAndHolds(std::nullopt));
  EXPECT_THAT(this->store().Open(base::Sha256("absent")),
              joinery::testing::StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr(base::Sha256("absent"))));
}

TYPED_TEST_P(BlobStoreConformance, WhatIsNoDigestIsRefused) {
  for (const std::string& bad : {std::string(), std::string("../../etc/passwd"), std::string(64, 'A')}) {
    EXPECT_THAT(this->store().Find(bad), joinery::testing::StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
    EXPECT_THAT(this->store().Open(bad), joinery::testing::StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
  }
}

TYPED_TEST_P(BlobStoreConformance, AnUploadShowsOnlyOnceCommitted) {
  ASSERT_OK_AND_ASSIGN(auto writer, this->store().StartWrite());
  ASSERT_THAT(writer->Append("in two "), joinery::testing::IsOk());
  ASSERT_THAT(writer->Append("pieces"), joinery::testing::IsOk());
  EXPECT_FALSE(this->Has("in two pieces"));
  EXPECT_FALSE(this->Has("in two "));
  ASSERT_THAT(writer->Commit(base::Sha256("in two pieces"), 13), joinery::testing::IsOk());
  EXPECT_TRUE(this->Has("in two pieces"));
}

TYPED_TEST_P(BlobStoreConformance, AnotherDigestOrSizeIsDataLossAndLeavesNothing) {
  for (const auto& [digest, size] : {std::pair(base::Sha256("sent"), 8), std::pair(base::Sha256("received"), 9)}) {
    ASSERT_OK_AND_ASSIGN(auto writer, this->store().StartWrite());
    ASSERT_THAT(writer->Append("received"), joinery::testing::IsOk());
    EXPECT_THAT(writer->Commit(digest, size), joinery::testing::StatusIs(absl::StatusCode::kDataLoss, ::testing::_));
  }
  EXPECT_FALSE(this->Has("sent"));
  EXPECT_FALSE(this->Has("received"));
  EXPECT_THAT(this->store().GetStatistics()->count, 0);
}

TYPED_TEST_P(BlobStoreConformance, StatisticsCountEachBlobOnce) {
  ASSERT_THAT(this->Put("four"), joinery::testing::IsOk());
  EXPECT_EQ(this->store().GetStatistics()->count, 1);
  ASSERT_THAT(this->Put("four"), joinery::testing::IsOk());
  ASSERT_THAT(this->Put("seventy"), joinery::testing::IsOk());
  ASSERT_OK_AND_ASSIGN(const BlobStatistics statistics, this->store().GetStatistics());
  EXPECT_EQ(statistics.count, 2);
  EXPECT_EQ(statistics.bytes, 11);
  ASSERT_OK_AND_ASSIGN(const int64_t free_bytes, this->store().FreeBytes());
  EXPECT_GT(free_bytes, 0);
}

TYPED_TEST_P(BlobStoreConformance, ParallelUploadsOfTheSameBlobEndAsOne) {
  const std::string bytes(300'000, 'x');
  std::vector<std::thread> threads;
  std::atomic<int> successes = 0;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { successes += this->Put(bytes).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(successes, 8);
  EXPECT_TRUE(this->Has(bytes));
  EXPECT_EQ(this->store().GetStatistics()->count, 1);
}

REGISTER_TYPED_TEST_SUITE_P(BlobStoreConformance, WhatWasCommittedCanBeReadFromAnyOffset, AnEmptyBlobIsABlob,
                            WhatIsNotThereIsNotFound, WhatIsNoDigestIsRefused, AnUploadShowsOnlyOnceCommitted,
                            AnotherDigestOrSizeIsDataLossAndLeavesNothing, StatisticsCountEachBlobOnce,
                            ParallelUploadsOfTheSameBlobEndAsOne);

}  // namespace joinery::storage
