#include "server/maintenance/fsck.h"

#include <fstream>

#include "base/file.h"
#include "tests/server/maintenance/data_folder_fixture.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FsckTest : public DataFolderTest {
 protected:
  FsckReport Check(bool quarantine = false) {
    auto report = CheckDataFolder(folder_.path(), {.quarantine = quarantine});
    EXPECT_THAT(report, IsOk());
    return *std::move(report);
  }
};

auto IsProblem(const std::string& kind, const std::string& subject) {
  return AllOf(Field(&Problem::kind, kind), Field(&Problem::subject, HasSubstr(subject)));
}

TEST_F(FsckTest, AGoodFolderIsClean) {
  const FsckReport report = Check();
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.blobs, 5);
  EXPECT_EQ(report.bytes, 31);
  EXPECT_EQ(report.references, 4);
  EXPECT_EQ(report.owners, 5);
}

TEST_F(FsckTest, F34_AFlippedBitIsFoundAndTakenOutOfServiceIfAsked) {
  std::filesystem::permissions(PathOf("model"), std::filesystem::perms::owner_all);
  std::ofstream(PathOf("model"), std::ios::in | std::ios::out) << "nodel";
  EXPECT_THAT(Check().problems, ElementsAre(IsProblem("damaged_blob", base::Sha256("model"))));
  EXPECT_TRUE(Has("model"));
  Check(/*quarantine=*/true);
  EXPECT_FALSE(Has("model"));
  EXPECT_THAT(Check().problems, ElementsAre(IsProblem("missing_blob", "job1")));
  ASSERT_THAT(Put("model"), IsOk());
  EXPECT_THAT(Check().problems, IsEmpty());
}

TEST_F(FsckTest, AMissingOrShortenedBlobOfAJobIsFound) {
  std::filesystem::remove(PathOf("artifact"));
  const FsckReport report = Check();
  EXPECT_THAT(report.problems, ElementsAre(IsProblem("missing_blob", "job1")));
  EXPECT_THAT(report.problems[0].message, HasSubstr("result.artifact is blob " + base::Sha256("artifact")));
  std::filesystem::resize_file(PathOf("images"), 3);
  EXPECT_THAT(Check().problems,
              ::testing::UnorderedElementsAre(IsProblem("damaged_blob", base::Sha256("images")),
                                              IsProblem("missing_blob", "job1"), IsProblem("wrong_size", "job1"),
                                              IsProblem("wrong_size", base::Sha256("images"))));
}

TEST_F(FsckTest, ABrokenReferenceInTheDatabaseIsFound) {
  ASSERT_OK_AND_ASSIGN(const auto database,
                       storage::Database::Open(folder_ / "joinery.db", storage::Durability::kProcessCrash, ""));
  ASSERT_THAT(database->Execute("PRAGMA foreign_keys = OFF; INSERT INTO events VALUES (77, 1, x'')"), IsOk());
  EXPECT_THAT(Check().problems, ElementsAre(IsProblem("database", "joinery.db")));
}

TEST_F(FsckTest, WhatIsNoDataFolderIsSaidToBeNone) {
  EXPECT_THAT(CheckDataFolder(folder_ / "blobs", {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no data folder")));
}

}  // namespace
}  // namespace joinery::server
