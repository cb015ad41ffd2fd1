#include "base/digest.h"

#include <string>

#include "base/file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::base {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;

// FIPS 180-2, appendix B.1.
constexpr char kAbcDigest[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(DigestTest, IsTheStandardsExample) { EXPECT_EQ(Sha256("abc"), kAbcDigest); }

TEST(DigestTest, DoesNotDependOnHowTheBytesArrive) {
  Sha256Hasher hasher;
  hasher.Update("a");
  hasher.Update("");
  hasher.Update("bc");
  EXPECT_EQ(hasher.Finish(), kAbcDigest);
}

TEST(DigestTest, OfAFileIsThatOfItsBytes) {
  const joinery::testing::TemporaryFolder folder;
  const std::string bytes(3'000'000, 'x');
  ASSERT_THAT(WriteFileAtomically(folder / "f", bytes), IsOk());
  EXPECT_THAT(Sha256OfFile(folder / "f"), IsOkAndHolds(Sha256(bytes)));
  EXPECT_THAT(Sha256OfFile(folder / "none"), StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("none")));
}

TEST(DigestTest, OnlySixtyFourLowerCaseHexadecimalDigitsAreADigest) {
  EXPECT_TRUE(IsDigest(kAbcDigest));
  EXPECT_FALSE(IsDigest(""));
  EXPECT_FALSE(IsDigest(std::string(63, 'a')));
  EXPECT_FALSE(IsDigest(std::string(64, 'A')));
  EXPECT_FALSE(IsDigest("../" + std::string(61, 'a')));
}

}  // namespace
}  // namespace joinery::base
