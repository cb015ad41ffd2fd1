#include "worker/text.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/testing/status_matchers.h"
#include "worker/byte_size.h"
#include "worker/display_names.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

TEST(ByteSizeTest, TakesUnitsOfBothKinds) {
  EXPECT_THAT(ParseByteSize("8GiB"), IsOkAndHolds(int64_t{8} << 30));
  EXPECT_THAT(ParseByteSize("1.5 MiB"), IsOkAndHolds(1572864));
  EXPECT_THAT(ParseByteSize("20 GB"), IsOkAndHolds(int64_t{20'000'000'000}));
  EXPECT_THAT(ParseByteSize(" 512m "), IsOkAndHolds(int64_t{512} << 20));
  EXPECT_THAT(ParseByteSize("1000"), IsOkAndHolds(1000));
  EXPECT_THAT(ParseByteSize("0"), IsOkAndHolds(0));
}

TEST(ByteSizeTest, RefusesWhatIsNoSize) {
  for (const char* text : {"", "GiB", "-1", "8GX", "1.2.3", "1 2", "nan", "99999999999TiB", "0x10"}) {
    EXPECT_THAT(ParseByteSize(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("8GiB"))) << text;
  }
}

TEST(CleanTextTest, KeepsGoodTextAndReplacesTheRest) {
  EXPECT_EQ(CleanText("grün 中 😀\t.", 100), "grün 中 😀\t.");
  EXPECT_EQ(CleanText("a\nb\x1b[31m\x7f", 100), "a?b?[31m?");
  EXPECT_EQ(CleanText("\xff\xc3|\xe4\xb8|\xed\xa0\x80|\xc0\xaf", 100), "??|??|???|??");
}

TEST(CleanTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(CleanText("abcdef", 6), "abcdef");
  EXPECT_EQ(CleanText("abcdefg", 6), "abc...");
  EXPECT_EQ(CleanText("ab😀😀", 8), "ab...");
}

TEST(DisplayNamesTest, WordsBecomeTheNamesPeopleGave) {
  v1::BuildSpec spec;
  spec.set_model_name("my model.onnx");
  spec.set_configuration_name("conf/a.prototxt");
  const DisplayNames names(spec);
  EXPECT_EQ(names.Translate("config.prototxt:3:5: model.onnx, 'model.onnx'."),
            "conf/a.prototxt:3:5: my model.onnx, 'my model.onnx'.");
  EXPECT_EQ(names.Translate("supermodel.onnx model.onnx2 x/model.onnx calibration.tar"),
            "supermodel.onnx model.onnx2 x/model.onnx calibration.tar");
}

}  // namespace
}  // namespace joinery::worker
