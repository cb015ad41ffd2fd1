#include "base/file.h"

#include <filesystem>
#include <string>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::base {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;

int CountEntries(const std::string& folder) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) ++count;
  return count;
}

TEST(FileTest, WriteFileAtomicallyReplacesTheWholeFileAndLeavesNothingElse) {
  const TemporaryFolder folder;
  ASSERT_THAT(WriteFileAtomically(folder / "f", "a longer first text"), IsOk());
  ASSERT_THAT(WriteFileAtomically(folder / "f", "second"), IsOk());
  EXPECT_THAT(ReadFile(folder / "f", 100), IsOkAndHolds("second"));
  EXPECT_EQ(CountEntries(folder.path()), 1);
}

TEST(FileTest, WriteFileAtomicallyThatFailsLeavesNothing) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "f");  // A rename onto a folder fails.
  EXPECT_THAT(WriteFileAtomically(folder / "f", "text"), ::testing::Not(IsOk()));
  EXPECT_EQ(CountEntries(folder.path()), 1);
}

TEST(FileTest, ReadFileRefusesMoreThanTheLimit) {
  const TemporaryFolder folder;
  ASSERT_THAT(WriteFileAtomically(folder / "f", "12345"), IsOk());
  EXPECT_THAT(ReadFile(folder / "f", 5), IsOkAndHolds("12345"));
  EXPECT_THAT(ReadFile(folder / "f", 4),
              StatusIs(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("limit of 4 bytes")));
}

TEST(FileTest, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(ReadFile("/no/such/file", 5),
              StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("/no/such/file")));
}

}  // namespace
}  // namespace joinery::base
