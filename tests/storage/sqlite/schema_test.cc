#include "storage/sqlite/schema.h"

#include <string>

#include "storage/sqlite/migrations.h"
#include "storage/sqlite/quotas.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::storage {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;

class SchemaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = Database::Open(folder_ / "joinery.db", Durability::kPowerLoss, "");
    ASSERT_THAT(opened, IsOk());
    database_ = *std::move(opened);
  }

  TemporaryFolder folder_;
  std::unique_ptr<Database> database_;
};

TEST_F(SchemaTest, MigratingAgainChangesNothing) {
  ASSERT_THAT(MigrateSchema(*database_), IsOk());
  EXPECT_THAT(MigrateSchema(*database_), IsOk());
}

TEST_F(SchemaTest, ANewerSchemaIsRefused) {
  ASSERT_THAT(MigrateSchema(*database_), IsOk());
  ASSERT_THAT(database_->Execute("PRAGMA user_version = 99"), IsOk());
  EXPECT_THAT(MigrateSchema(*database_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       ::testing::AllOf(::testing::HasSubstr("schema version 99"), ::testing::HasSubstr("newer"),
                                        ::testing::HasSubstr(folder_ / "joinery.db"))));
}

TEST_F(SchemaTest, AMigrationThatFailsLeavesNothingOfItself) {
  // The table that the first migration makes last is in its way.
  ASSERT_THAT(database_->Execute("CREATE TABLE workers (name TEXT)"), IsOk());
  EXPECT_THAT(MigrateSchema(*database_),
              StatusIs(absl::StatusCode::kInternal, ::testing::HasSubstr("migrating to schema version 1")));
  ASSERT_THAT(database_->Execute("DROP TABLE workers"), IsOk());
  EXPECT_THAT(MigrateSchema(*database_), IsOk());
}

// The counts by which jobs are given must be right for those that were there before.
TEST_F(SchemaTest, U01_JobsAndBlobsOfAnOlderDatabaseAreCounted) {
  for (int version = 0; version < 4; ++version) ASSERT_THAT(database_->Execute(migrations::kAll[version]), IsOk());
  ASSERT_THAT(database_->Execute("PRAGMA user_version = 4"), IsOk());
  ASSERT_THAT(
      database_->Execute("INSERT INTO jobs (id, request_id, spec, state, created_at, user, project) VALUES "
                         "('a', 'a', x'', 'queued', 1, 'ann', 'red'), ('b', 'b', x'', 'queued', 1, 'ann', 'red'), "
                         "('c', 'c', x'', 'queued', 1, 'ann', 'blue')"),
      IsOk());
  ASSERT_THAT(database_->Execute("INSERT INTO blob_owners VALUES ('red', '" + std::string(64, 'a') + "', 5)"), IsOk());
  ASSERT_THAT(MigrateSchema(*database_), IsOk());
  EXPECT_THAT(FindUse(*database_, {LimitKind::kProject, "red"}), IsOkAndHolds(Use{.blob_bytes = 5, .queued_jobs = 2}));
  EXPECT_THAT(FindUse(*database_, {LimitKind::kUser, "ann"}), IsOkAndHolds(Use{.blob_bytes = 0, .queued_jobs = 3}));
  // Nobody knows who brought the blob; it goes without leaving anything.
  ASSERT_THAT(database_->Execute("DELETE FROM blob_owners"), IsOk());
  ASSERT_THAT(database_->Execute("UPDATE jobs SET state = 'cancelled', finished_at = 1 WHERE id = 'b'"), IsOk());
  EXPECT_THAT(FindUse(*database_, {LimitKind::kProject, "red"}), IsOkAndHolds(Use{.blob_bytes = 0, .queued_jobs = 1}));
}

// The state machine, repeated in the schema: what no code of ours does, the database refuses.
TEST_F(SchemaTest, RowsThatBreakTheStateMachineAreRefused) {
  ASSERT_THAT(MigrateSchema(*database_), IsOk());
  const std::string insert = "INSERT INTO jobs (id, request_id, spec, created_at, ";
  EXPECT_THAT(database_->Execute(insert + "state) VALUES ('a', 'a', x'', 1, 'queued')"), IsOk());
  for (const char* wrong : {
           "state) VALUES ('b', 'b', x'', 1, 'paused')",
           "state) VALUES ('b', 'b', x'', 1, 'running')",
           "state) VALUES ('b', 'b', x'', 1, 'cancelled')",
           "state, finished_at) VALUES ('b', 'b', x'', 1, 'queued', 1)",
           "state, finished_at) VALUES ('b', 'b', x'', 1, 'succeeded', 1)",
           "state, finished_at) VALUES ('b', 'b', x'', 1, 'failed', 1)",
           "state, lease_token, lease_until) VALUES ('b', 'b', x'', 1, 'queued', 't', 1)",
           "state, lease_token, lease_until) VALUES ('b', 'b', x'', 1, 'running', 't', 1)",
           "state, cancel_requested) VALUES ('b', 'b', x'', 1, 'queued', 1)",
       }) {
    EXPECT_THAT(database_->Execute(insert + wrong),
                StatusIs(absl::StatusCode::kInternal, ::testing::HasSubstr("CHECK constraint failed")))
        << wrong;
  }
  EXPECT_THAT(database_->Execute("INSERT INTO events VALUES (77, 1, x'')"),
              StatusIs(absl::StatusCode::kInternal, ::testing::HasSubstr("FOREIGN KEY")));
}

}  // namespace
}  // namespace joinery::storage
