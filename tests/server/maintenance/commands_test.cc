// What the commands of joineryd leave in the audit log.
#include "server/maintenance/commands.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "storage/sqlite/audit_log.h"
#include "storage/sqlite/writer.h"
#include "tests/server/maintenance/data_folder_fixture.h"

namespace joinery::server {
namespace {

using ::joinery::testing::IsOkAndHolds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CommandsTest : public DataFolderTest {
 protected:
  absl::StatusOr<int> Run(const std::string& command, const std::string& folder) {
    CLI::App app;
    MaintenanceCommands commands(app);
    app.parse(command);
    std::ostringstream out;
    return *commands.Run(folder, out);
  }

  // Of those that begin so, the newest first.
  static std::vector<storage::AuditEntry> Audit(const std::string& folder, const std::string& action) {
    const auto log = storage::SqliteAuditLog::Open(folder + "/joinery.db", nullptr);
    return *(*log)->List({.action = action});
  }
};

TEST_F(CommandsTest, U09_AnOfflineCollectionIsInTheAuditLog) {
  Age("unused", std::chrono::hours(100));
  ASSERT_THAT(Run("gc", folder_.path()), IsOkAndHolds(0));
  const auto entries = Audit(folder_.path(), "data.gc");
  ASSERT_EQ(entries.size(), 1);
  EXPECT_EQ(entries[0].by.user, "console");
  EXPECT_EQ(entries[0].details, "blobs=1 bytes=6 uploads=0");
  EXPECT_EQ(Audit(folder_.path(), "blob.remove").size(), 1);
}

TEST_F(CommandsTest, U09_WhatFsckTakesOutOfServiceIsInTheAuditLog) {
  std::filesystem::permissions(PathOf("model"), std::filesystem::perms::owner_all);
  std::ofstream(PathOf("model"), std::ios::in | std::ios::out) << "nodel";
  ASSERT_THAT(Run("fsck", folder_.path()), IsOkAndHolds(kFoundProblems));
  EXPECT_THAT(Audit(folder_.path(), "blob.quarantine"), IsEmpty());
  ASSERT_THAT(Run("fsck --quarantine", folder_.path()), IsOkAndHolds(kFoundProblems));
  const auto entries = Audit(folder_.path(), "blob.quarantine");
  ASSERT_EQ(entries.size(), 1);
  EXPECT_EQ(entries[0].by.user, "console");
  EXPECT_EQ(entries[0].subject, base::Sha256("model"));
}

TEST_F(CommandsTest, U09_ARestoredFolderSaysSoInItsAuditLog) {
  const joinery::testing::TemporaryFolder elsewhere;
  ASSERT_THAT(Run("backup " + (elsewhere / "backup"), folder_.path()), IsOkAndHolds(0));
  ASSERT_THAT(Run("restore " + (elsewhere / "backup"), elsewhere / "restored"), IsOkAndHolds(0));
  EXPECT_THAT(Audit(folder_.path(), "data."), IsEmpty());
  const auto entries = Audit(elsewhere / "restored", "data.restore");
  ASSERT_EQ(entries.size(), 1);
  EXPECT_EQ(entries[0].by.user, "console");
  EXPECT_EQ(entries[0].subject, elsewhere / "backup");
  EXPECT_THAT(entries[0].details, HasSubstr("blobs=5"));
  // What it said before is still there.
  EXPECT_EQ(Audit(elsewhere / "restored", "blob.upload").size(), 5);
}

}  // namespace
}  // namespace joinery::server
