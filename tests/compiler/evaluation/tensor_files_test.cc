#include "compiler/evaluation/tensor_files.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOkAndHolds;
using ::testing::HasSubstr;

TEST(TensorFilesTest, NoNameLeavesTheFolder) {
  EXPECT_EQ(FileNameFor("536"), "536");
  EXPECT_EQ(FileNameFor("../../etc/passwd"), ".._.._etc_passwd");
  EXPECT_EQ(FileNameFor(".."), "_..");
  EXPECT_EQ(FileNameFor(""), "_");
}

TEST(TensorFilesTest, BinIsTheRawBytesAndNpyHasAHeader) {
  const joinery::testing::TemporaryFolder folder;
  const std::vector<uint8_t> values = {'a', 'b', 'c'};
  const Tensor tensor = MakeTensor<uint8_t>(onnx::TensorProto::UINT8, {3}, values);
  EXPECT_THAT(WriteBin(folder.path(), "a/b", tensor), IsOkAndHolds(folder / "a_b.bin"));
  EXPECT_THAT(base::ReadFile(folder / "a_b.bin", 10), IsOkAndHolds("abc"));
  EXPECT_THAT(WriteNpy(folder.path(), "a/b", tensor), IsOkAndHolds(folder / "a_b.npy"));
  EXPECT_THAT(base::ReadFile(folder / "a_b.npy", 1000), IsOkAndHolds(HasSubstr("NUMPY")));
}

}  // namespace
}  // namespace joinery::compiler
