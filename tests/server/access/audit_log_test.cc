#include "server/access/audit_log.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "tests/testing/fake_clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server::access {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::testing::HasSubstr;

AuditEntry MakeEntry(const std::string& subject) {
  return {.user = "ann",
          .project = "vision",
          .peer = "ipv4:10.0.0.7:1",
          .action = "token.revoke",
          .subject = subject,
          .details = ""};
}

class AuditLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto log = FileAuditLog::Open(path_, clock_);
    ASSERT_THAT(log, IsOk());
    log_ = *std::move(log);
  }

  std::string Read() const { return *base::ReadFile(path_, 1 << 20); }

  testing::TemporaryFolder folder_;
  testing::FakeClock clock_;
  const std::string path_ = folder_ / "audit.log";
  std::unique_ptr<FileAuditLog> log_;
};

// U09: who, what and when of each mutation.
TEST_F(AuditLogTest, U09EachChangeIsALineOfJson) {
  ASSERT_THAT(log_->Record(MakeEntry("one"), AuditDurability::kSynced), IsOk());
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", clock_.Now(), absl::UTCTimeZone());
  EXPECT_EQ(Read(), "{\"time\":\"" + time +
                        "\",\"user\":\"ann\",\"project\":\"vision\",\"peer\":\"ipv4:10.0.0.7:1\","
                        "\"action\":\"token.revoke\",\"subject\":\"one\",\"details\":\"\"}\n");
}

TEST_F(AuditLogTest, AddsToWhatIsThere) {
  ASSERT_THAT(log_->Record(MakeEntry("one"), AuditDurability::kWritten), IsOk());
  SetUp();
  ASSERT_THAT(log_->Record(MakeEntry("two"), AuditDurability::kWritten), IsOk());
  EXPECT_THAT(Read(), ::testing::AllOf(HasSubstr("\"one\""), HasSubstr("\"two\"")));
}

TEST_F(AuditLogTest, OnlyItsOwnerMayReadIt) {
  struct stat status {};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(AuditLogTest, NothingThatACallerSaysEndsTheLine) {
  ASSERT_THAT(log_->Record(MakeEntry("a\"}\n{\"b\\\x1b\x7f\xff"), AuditDurability::kWritten), IsOk());
  EXPECT_THAT(Read(), HasSubstr("\"subject\":\"a\\\"}\\u000a{\\\"b\\\\\\u001b\\u007f\\u00ff\""));
}

TEST_F(AuditLogTest, RotatedItIsMadeAnew) {
  ASSERT_THAT(log_->Record(MakeEntry("one"), AuditDurability::kWritten), IsOk());
  std::filesystem::rename(path_, path_ + ".1");
  ASSERT_THAT(log_->Record(MakeEntry("two"), AuditDurability::kWritten), IsOk());
  EXPECT_THAT(Read(), ::testing::AllOf(::testing::Not(HasSubstr("\"one\"")), HasSubstr("\"two\"")));
  std::filesystem::remove(path_);
  ASSERT_THAT(log_->Record(MakeEntry("three"), AuditDurability::kWritten), IsOk());
  EXPECT_THAT(Read(), HasSubstr("\"three\""));
}

TEST_F(AuditLogTest, AFullDiskIsAnError) {
  ASSERT_TRUE(std::filesystem::remove(path_));
  std::filesystem::create_symlink("/dev/full", path_);
  EXPECT_THAT(log_->Record(MakeEntry("one"), AuditDurability::kSynced),
              testing::StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("audit.log")));
}

}  // namespace
}  // namespace joinery::server::access
