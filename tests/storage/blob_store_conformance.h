// What every BlobStore must do. A backend is done when it passes:
//
//   struct MyHarness { storage::BlobStore& store(); };  // default-constructible; a new, empty store
//   INSTANTIATE_TYPED_TEST_SUITE_P(My, BlobStoreConformance, MyHarness);
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/digest.h"
#include "storage/blob_store.h"
#include "tests/testing/status_matchers.h"

namespace joinery::storage {

template <typename Harness>
class BlobStoreConformance : public ::testing::Test {
 protected:
  BlobStore& store() { return harness_.store(); }

  absl::Status Put(const std::string& bytes) {
    auto writer = store().StartWrite(KeyOf(bytes));
    if (!writer.ok()) return writer.status();
    const absl::Status status = (*writer)->Write(0, bytes);
    if (!status.ok()) return status;
    return (*writer)->Commit(static_cast<int64_t>(bytes.size()));
  }

  static UploadKey KeyOf(const std::string& bytes) { return {.project = "p", .digest = base::Sha256(bytes)}; }

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
  ASSERT_OK_AND_ASSIGN(auto writer, this->store().StartWrite(this->KeyOf("in two pieces")));
  ASSERT_THAT(writer->Write(0, "in two "), joinery::testing::IsOk());
  ASSERT_THAT(writer->Write(7, "pieces"), joinery::testing::IsOk());
  EXPECT_FALSE(this->Has("in two pieces"));
  EXPECT_FALSE(this->Has("in two "));
  EXPECT_FALSE(writer->done());
  ASSERT_THAT(writer->Commit(13), joinery::testing::IsOk());
  EXPECT_TRUE(writer->done());
  EXPECT_TRUE(this->Has("in two pieces"));
}

TYPED_TEST_P(BlobStoreConformance, AnotherDigestOrSizeIsDataLossAndLeavesNothing) {
  for (const int64_t size : {8, 7, 9}) {
    ASSERT_OK_AND_ASSIGN(auto writer, this->store().StartWrite(this->KeyOf(size == 8 ? "sent" : "received")));
    ASSERT_THAT(writer->Write(0, "received"), joinery::testing::IsOk());
    EXPECT_THAT(writer->Commit(size), joinery::testing::StatusIs(absl::StatusCode::kDataLoss, ::testing::_)) << size;
  }
  EXPECT_FALSE(this->Has("sent"));
  EXPECT_FALSE(this->Has("received"));
  EXPECT_THAT(this->store().GetStatistics()->count, 0);
  EXPECT_THAT(this->store().UploadedBytes(this->KeyOf("sent")), joinery::testing::IsOkAndHolds(0));
}

TYPED_TEST_P(BlobStoreConformance, F21_AnUploadGoesOnAtAnyByte) {
  const std::string bytes = "0123456789";
  for (int64_t kept = 0; kept <= 10; ++kept) {
    for (int64_t offset = 0; offset <= kept; ++offset) {
      // Another project each time, so that each upload is a new one.
      const UploadKey key = {.project = absl::StrCat(kept, "-", offset), .digest = base::Sha256(bytes)};
      {
        ASSERT_OK_AND_ASSIGN(auto broken, this->store().StartWrite(key));
        ASSERT_THAT(broken->Write(0, bytes.substr(0, static_cast<size_t>(kept))), joinery::testing::IsOk());
      }
      EXPECT_THAT(this->store().UploadedBytes(key), joinery::testing::IsOkAndHolds(kept));
      ASSERT_OK_AND_ASSIGN(auto writer, this->store().StartWrite(key));
      EXPECT_EQ(writer->size(), kept);
      ASSERT_THAT(writer->Write(offset, bytes.substr(static_cast<size_t>(offset))), joinery::testing::IsOk());
      EXPECT_EQ(writer->size(), 10);
      ASSERT_THAT(writer->Commit(10), joinery::testing::IsOk());
      EXPECT_THAT(this->store().UploadedBytes(key), joinery::testing::IsOkAndHolds(0));
    }
  }
  EXPECT_TRUE(this->Has(bytes));
}

TYPED_TEST_P(BlobStoreConformance, AnUploadWithAGapIsRefused) {
  ASSERT_OK_AND_ASSIGN(auto writer, this->store().StartWrite(this->KeyOf("abcdef")));
  ASSERT_THAT(writer->Write(0, "abc"), joinery::testing::IsOk());
  EXPECT_THAT(writer->Write(4, "ef"), joinery::testing::StatusIs(absl::StatusCode::kOutOfRange, ::testing::_));
}

TYPED_TEST_P(BlobStoreConformance, WrongBytesOfAnEarlierUploadCostOnlyTheTimeToBeginAnew) {
  const UploadKey key = this->KeyOf("right bytes");
  {
    ASSERT_OK_AND_ASSIGN(auto broken, this->store().StartWrite(key));
    ASSERT_THAT(broken->Write(0, "wrong"), joinery::testing::IsOk());
  }
  ASSERT_OK_AND_ASSIGN(auto writer, this->store().StartWrite(key));
  ASSERT_THAT(writer->Write(0, "right bytes"), joinery::testing::IsOk());
  EXPECT_THAT(writer->Commit(11), joinery::testing::StatusIs(absl::StatusCode::kUnavailable, ::testing::_));
  EXPECT_THAT(this->store().UploadedBytes(key), joinery::testing::IsOkAndHolds(0));
  EXPECT_THAT(this->Put("right bytes"), joinery::testing::IsOk());
}

TYPED_TEST_P(BlobStoreConformance, UploadsOfDifferentProjectsHaveNothingInCommon) {
  const std::string digest = base::Sha256("secret");
  ASSERT_OK_AND_ASSIGN(auto mine, this->store().StartWrite({.project = "mine", .digest = digest}));
  ASSERT_THAT(mine->Write(0, "sec"), joinery::testing::IsOk());
  ASSERT_OK_AND_ASSIGN(auto yours, this->store().StartWrite({.project = "yours", .digest = digest}));
  EXPECT_EQ(yours->size(), 0);
  EXPECT_EQ(this->store().UploadsOf("mine")->bytes, 3);
  EXPECT_EQ(this->store().UploadsOf("mine")->count, 1);
  EXPECT_EQ(this->store().UploadsOf("yours")->count, 0);
  ASSERT_THAT(yours->Write(0, "secret"), joinery::testing::IsOk());
  EXPECT_THAT(yours->Commit(6), joinery::testing::IsOk());
  EXPECT_FALSE(mine->done());
  ASSERT_THAT(mine->Write(3, "ret"), joinery::testing::IsOk());
  EXPECT_THAT(mine->Commit(6), joinery::testing::IsOk());
  EXPECT_EQ(this->store().GetStatistics()->count, 1);
}

TYPED_TEST_P(BlobStoreConformance, ParallelWritersOfOneUploadHelpEachOther) {
  ASSERT_OK_AND_ASSIGN(auto first, this->store().StartWrite(this->KeyOf("abcdef")));
  ASSERT_THAT(first->Write(0, "abc"), joinery::testing::IsOk());
  ASSERT_OK_AND_ASSIGN(auto second, this->store().StartWrite(this->KeyOf("abcdef")));
  ASSERT_THAT(second->Write(0, "abcde"), joinery::testing::IsOk());
  ASSERT_THAT(first->Write(3, "def"), joinery::testing::IsOk());
  EXPECT_THAT(first->Commit(6), joinery::testing::IsOk());
  EXPECT_TRUE(second->done());
  EXPECT_THAT(second->Write(5, "f"), joinery::testing::IsOk());
  EXPECT_THAT(second->Commit(6), joinery::testing::IsOk());
  EXPECT_TRUE(this->Has("abcdef"));
}

TYPED_TEST_P(BlobStoreConformance, OnlyWhatIsUnusedIsRemoved) {
  ASSERT_THAT(this->Put("bytes"), joinery::testing::IsOk());
  const std::string digest = base::Sha256("bytes");
  ASSERT_OK_AND_ASSIGN(const auto reader, this->store().Open(digest));
  EXPECT_THAT(this->store().RemoveIfUnusedSince(digest, absl::UnixEpoch()), joinery::testing::IsOkAndHolds(false));
  EXPECT_TRUE(this->Has("bytes"));
  EXPECT_THAT(this->store().Touch(digest), joinery::testing::IsOkAndHolds(::testing::Optional(int64_t{5})));
  EXPECT_THAT(this->store().RemoveIfUnusedSince(digest, absl::Now() + absl::Hours(1)),
              joinery::testing::IsOkAndHolds(true));
  EXPECT_FALSE(this->Has("bytes"));
  EXPECT_EQ(this->store().GetStatistics()->count, 0);
  EXPECT_THAT(reader->Read(0, 5), joinery::testing::IsOkAndHolds("bytes"));
  EXPECT_THAT(this->store().Touch(digest), joinery::testing::IsOkAndHolds(std::nullopt));
  EXPECT_THAT(this->store().RemoveIfUnusedSince(digest, absl::InfiniteFuture()), joinery::testing::IsOkAndHolds(false));
}

TYPED_TEST_P(BlobStoreConformance, ForEachNamesEveryBlob) {
  for (const char* bytes : {"a", "bb", "ccc"}) ASSERT_THAT(this->Put(bytes), joinery::testing::IsOk());
  std::map<std::string, int64_t> sizes;
  ASSERT_THAT(this->store().ForEach([&](const StoredBlob& blob) {
    sizes[blob.digest] = blob.size;
    return absl::OkStatus();
  }),
              joinery::testing::IsOk());
  EXPECT_THAT(sizes, ::testing::UnorderedElementsAre(::testing::Pair(base::Sha256("a"), 1),
                                                     ::testing::Pair(base::Sha256("bb"), 2),
                                                     ::testing::Pair(base::Sha256("ccc"), 3)));
}

TYPED_TEST_P(BlobStoreConformance, WhatIsInQuarantineIsGoneAndCanBeUploadedAgain) {
  ASSERT_THAT(this->Put("bytes"), joinery::testing::IsOk());
  ASSERT_THAT(this->store().Quarantine(base::Sha256("bytes")), joinery::testing::IsOk());
  EXPECT_FALSE(this->Has("bytes"));
  EXPECT_THAT(this->store().Quarantine(base::Sha256("bytes")), joinery::testing::IsOk());
  ASSERT_THAT(this->Put("bytes"), joinery::testing::IsOk());
  EXPECT_TRUE(this->Has("bytes"));
  EXPECT_EQ(this->store().GetStatistics()->count, 1);
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
                            AnotherDigestOrSizeIsDataLossAndLeavesNothing, F21_AnUploadGoesOnAtAnyByte,
                            AnUploadWithAGapIsRefused, WrongBytesOfAnEarlierUploadCostOnlyTheTimeToBeginAnew,
                            UploadsOfDifferentProjectsHaveNothingInCommon, ParallelWritersOfOneUploadHelpEachOther,
                            OnlyWhatIsUnusedIsRemoved, ForEachNamesEveryBlob,
                            WhatIsInQuarantineIsGoneAndCanBeUploadedAgain, StatisticsCountEachBlobOnce,
                            ParallelUploadsOfTheSameBlobEndAsOne);

}  // namespace joinery::storage
