#include "storage/sqlite/blob_owners.h"

#include <map>
#include <string>
#include <vector>

#include "joinery/v1/jobs.pb.h"
#include "storage/sqlite/blob_references.h"
#include "storage/sqlite/schema.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/faulty_vfs.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::FaultyVfs;
using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;

OwnedBlob Blob(char name, int64_t size) { return {.digest = std::string(64, name), .size = size}; }

Actor In(const std::string& project) { return {.user = "ann", .project = project}; }

class BlobOwnersTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteBlobOwners> Open(const std::string& vfs = "") {
    auto owners = SqliteBlobOwners::Open(path_, clock_, vfs);
    EXPECT_THAT(owners, IsOk());
    return *std::move(owners);
  }

  std::unique_ptr<Database> OpenDatabase() { return *Database::Open(path_, Durability::kProcessCrash, ""); }

  joinery::testing::FakeClock clock_;
  TemporaryFolder folder_;
  std::string path_ = folder_ / "joinery.db";
};

TEST_F(BlobOwnersTest, AProjectHasWhatItWasGivenUntilItIsRemoved) {
  const auto owners = Open();
  EXPECT_THAT(owners->Has("red", Blob('a', 5).digest), IsOkAndHolds(false));
  ASSERT_THAT(owners->Add(In("red"), {Blob('a', 5), Blob('b', 7)}), IsOk());
  ASSERT_THAT(owners->Add(In("red"), {Blob('a', 5)}), IsOk());
  ASSERT_THAT(owners->Add(In("blue"), {Blob('a', 5)}), IsOk());
  EXPECT_THAT(owners->Has("red", Blob('a', 5).digest), IsOkAndHolds(true));
  EXPECT_THAT(owners->Has("blue", Blob('b', 7).digest), IsOkAndHolds(false));
  EXPECT_EQ(owners->UsageOf("red")->blobs, 2);
  EXPECT_EQ(owners->UsageOf("red")->bytes, 12);
  EXPECT_EQ(owners->UsageOf("nobody")->bytes, 0);
  EXPECT_EQ(owners->Usage()->size(), 2);
  ASSERT_THAT(owners->Remove(ServerActor(), {Blob('a', 5).digest}), IsOk());
  EXPECT_THAT(owners->Has("blue", Blob('a', 5).digest), IsOkAndHolds(false));
  EXPECT_EQ(owners->UsageOf("red")->bytes, 7);
  EXPECT_EQ(owners->Usage()->size(), 1);
  // Another process sees the same.
  EXPECT_THAT(Open()->Has("red", Blob('b', 7).digest), IsOkAndHolds(true));
}

TEST_F(BlobOwnersTest, F05_AddingAndRemovingHappensWholeOrNotAtAllWhicheverWriteFails) {
  FaultyVfs::Register();
  for (int call = 1;; ++call) {
    SCOPED_TRACE(call);
    const TemporaryFolder folder;
    path_ = folder / "joinery.db";
    const auto owners = Open(FaultyVfs::kName);
    ASSERT_THAT(owners->Add(In("red"), {Blob('a', 5)}), IsOk());
    FaultyVfs::FailFrom(call);
    const absl::Status added = owners->Add(In("red"), {Blob('b', 7), Blob('c', 9)});
    const absl::Status removed = owners->Remove(ServerActor(), {Blob('a', 5).digest});
    FaultyVfs::FailFrom(0);
    for (const absl::Status& status : {added, removed}) {
      EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
    }
    // What failed may have happened all the same, as when an answer is lost, but not by half.
    const int64_t bytes = owners->UsageOf("red")->bytes;
    const bool is_removed = !*owners->Has("red", Blob('a', 5).digest);
    const bool is_added = *owners->Has("red", Blob('b', 7).digest);
    EXPECT_EQ(bytes, (is_removed ? 0 : 5) + (is_added ? 16 : 0));
    EXPECT_GE(is_removed, removed.ok());
    EXPECT_GE(is_added, added.ok());
    // It goes on when there is room again.
    EXPECT_THAT(owners->Add(In("red"), {Blob('d', 1)}), IsOk());
    EXPECT_EQ(Open()->UsageOf("red")->bytes, bytes + 1);
    if (removed.ok()) break;
  }
}

TEST_F(BlobOwnersTest, U01_BlobsOfAnOlderFolderAreAdoptedOnce) {
  {
    const auto database = OpenDatabase();
    ASSERT_THAT(MigrateSchema(*database), IsOk());
    // As the migration leaves it where there were jobs.
    ASSERT_THAT(database->Execute("INSERT INTO pending_work VALUES ('adopt_blobs')"), IsOk());
  }
  const auto owners = Open();
  int asked = 0;
  const auto list = [&]() -> absl::StatusOr<std::vector<OwnedBlob>> {
    ++asked;
    return std::vector<OwnedBlob>{Blob('a', 5)};
  };
  ASSERT_THAT(owners->AdoptOnce("default", list), IsOk());
  EXPECT_THAT(owners->Has("default", Blob('a', 5).digest), IsOkAndHolds(true));
  ASSERT_THAT(owners->Remove(ServerActor(), {Blob('a', 5).digest}), IsOk());
  ASSERT_THAT(owners->AdoptOnce("default", list), IsOk());
  ASSERT_THAT(Open()->AdoptOnce("default", list), IsOk());
  EXPECT_EQ(asked, 1);
  EXPECT_THAT(owners->Has("default", Blob('a', 5).digest), IsOkAndHolds(false));
}

TEST_F(BlobOwnersTest, ANewFolderHasNothingToAdopt) {
  const auto never = []() -> absl::StatusOr<std::vector<OwnedBlob>> { return absl::InternalError("asked"); };
  EXPECT_THAT(Open()->AdoptOnce("default", never), IsOk());
}

TEST_F(BlobOwnersTest, AllBlobsOfJobsAreFoundWhereverTheyAre) {
  Open();
  const auto database = OpenDatabase();
  v1::JobSpec spec;
  spec.mutable_build()->mutable_model()->set_digest("m");
  spec.mutable_build()->mutable_calibration()->set_digest("c");
  static constexpr char kInsert[] =
      "INSERT INTO jobs (id, request_id, spec, state, created_at) VALUES ('job', 'r', :spec, 'queued', 1)";
  {
    ASSERT_OK_AND_ASSIGN(const auto statement, database->Prepare(kInsert));
    ASSERT_THAT(statement->BindBlob(":spec", spec.SerializeAsString()).Run(), IsOk());
  }
  std::map<std::string, std::string> found;
  ASSERT_THAT(ForEachReference(*database,
                               [&](const BlobReference& reference) {
                                 found[reference.field] = reference.blob.digest();
                                 return absl::OkStatus();
                               }),
              IsOk());
  EXPECT_THAT(found, ::testing::UnorderedElementsAre(::testing::Pair("spec.build.model", "m"),
                                                     ::testing::Pair("spec.build.calibration", "c")));
  ASSERT_THAT(database->Execute("UPDATE jobs SET spec = x'ff'"), IsOk());
  EXPECT_THAT(ForEachReference(*database, [](const BlobReference&) { return absl::OkStatus(); }),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("job job cannot be read")));
}

}  // namespace
}  // namespace joinery::storage
