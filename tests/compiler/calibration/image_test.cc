#include "compiler/calibration/image.h"

#include <png.h>

#include "tests/compiler/calibration/builders.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

int LargestDifference(const Image& left, const Image& right) {
  int largest = left.pixels.size() == right.pixels.size() ? 0 : 256;
  for (size_t i = 0; i < left.pixels.size() && largest < 256; ++i) {
    largest = std::max(largest, std::abs(left.pixels[i] - right.pixels[i]));
  }
  return largest;
}

// Changes slowly, so that JPEG keeps it nearly as it is.
Image Smooth(int channels) {
  Image image{40, 24, channels, {}};
  for (int i = 0; i < 40 * 24 * channels; ++i) image.pixels.push_back(static_cast<uint8_t>(60 + i / channels % 40));
  return image;
}

TEST(DecodeImageTest, JpegOfEitherKind) {
  for (const int channels : {1, 3}) {
    for (const bool progressive : {false, true}) {
      ASSERT_OK_AND_ASSIGN(const Image image, DecodeImage(EncodeJpeg(Smooth(channels), progressive), "a.jpg"));
      EXPECT_EQ(image.width, 40);
      EXPECT_EQ(image.height, 24);
      EXPECT_EQ(image.channels, channels);
      EXPECT_LE(LargestDifference(image, Smooth(channels)), 6);
    }
  }
}

TEST(DecodeImageTest, PngIsExact) {
  for (const int channels : {1, 3}) {
    const Image original = Gradient(31, 17, channels);
    ASSERT_OK_AND_ASSIGN(const Image image, DecodeImage(EncodePng(original), "a.png"));
    EXPECT_EQ(image.channels, channels);
    EXPECT_EQ(image.pixels, original.pixels);
  }
}

TEST(DecodeImageTest, ContentsCountNotTheName) {
  EXPECT_THAT(DecodeImage(EncodePng(Gradient(3, 3, 3)), "a.jpg"), IsOk());
  EXPECT_THAT(DecodeImage(EncodeJpeg(Gradient(3, 3, 3)), "a.png"), IsOk());
}

TEST(DecodeImageTest, PngOfOtherKinds) {
  ASSERT_OK_AND_ASSIGN(const Image deep,
                       DecodeImage(EncodePng(1, 1, PNG_COLOR_TYPE_RGB, 16, {"\x12\xff\x34\xff\x56\xff"}), ""));
  EXPECT_THAT(deep.pixels, ElementsAre(0x12, 0x34, 0x56));
  ASSERT_OK_AND_ASSIGN(const Image deep_grey, DecodeImage(EncodePng(1, 1, PNG_COLOR_TYPE_GRAY, 16, {"\x12\xff"}), ""));
  EXPECT_THAT(deep_grey.pixels, ElementsAre(0x12));
  ASSERT_OK_AND_ASSIGN(const Image alpha, DecodeImage(EncodePng(1, 1, PNG_COLOR_TYPE_RGBA, 8, {"abc\x01"}), ""));
  EXPECT_THAT(alpha.pixels, ElementsAre('a', 'b', 'c'));
  ASSERT_OK_AND_ASSIGN(const Image grey_alpha,
                       DecodeImage(EncodePng(1, 1, PNG_COLOR_TYPE_GRAY_ALPHA, 8, {"g\x01"}), ""));
  EXPECT_THAT(grey_alpha.pixels, ElementsAre('g'));
  ASSERT_OK_AND_ASSIGN(const Image palette, DecodeImage(EncodePng(2, 1, PNG_COLOR_TYPE_PALETTE, 1, {"\x40"}), ""));
  EXPECT_THAT(palette.pixels, ElementsAre(10, 20, 30, 40, 50, 60));
  ASSERT_OK_AND_ASSIGN(const Image bits, DecodeImage(EncodePng(3, 1, PNG_COLOR_TYPE_GRAY, 1, {"\xa0"}), ""));
  EXPECT_THAT(bits.pixels, ElementsAre(255, 0, 255));
  ASSERT_OK_AND_ASSIGN(const Image interlaced,
                       DecodeImage(EncodePng(2, 2, PNG_COLOR_TYPE_GRAY, 8, {"ab", "cd"}, true), ""));
  EXPECT_THAT(interlaced.pixels, ElementsAre('a', 'b', 'c', 'd'));
}

TEST(DecodeImageTest, CmykIsRefused) {
  EXPECT_THAT(DecodeImage(EncodeCmykJpeg(16, 16), "print.jpg"),
              StatusIs(absl::StatusCode::kInvalidArgument, AllOf(StartsWith("print.jpg: "), HasSubstr("CMYK"))));
}

TEST(DecodeImageTest, CutOffAnywhereIsAnError) {
  const std::string whole[] = {EncodeJpeg(Gradient(64, 64, 3)), EncodeJpeg(Gradient(64, 64, 3), true),
                               EncodePng(Gradient(64, 64, 3))};
  for (const std::string& bytes : whole) {
    ASSERT_THAT(DecodeImage(bytes, "whole"), IsOk());
    for (size_t size = 0; size + 3 < bytes.size(); size += 11) {
      EXPECT_THAT(DecodeImage(bytes.substr(0, size), "cut.jpg"),
                  StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("cut.jpg: ")))
          << size << " of " << bytes.size();
    }
  }
}

TEST(DecodeImageTest, DamagedDataIsAnError) {
  std::string jpeg = EncodeJpeg(Gradient(64, 64, 3));
  for (size_t i = jpeg.size() / 2; i < jpeg.size() / 2 + 40; ++i) jpeg[i] = '\xff';
  EXPECT_THAT(DecodeImage(jpeg, "bad.jpg"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("bad.jpg: is a damaged JPEG: ")));
  std::string png = EncodePng(Gradient(64, 64, 3));
  png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 1);
  EXPECT_THAT(DecodeImage(png, "bad.png"),
              StatusIs(absl::StatusCode::kInvalidArgument, StartsWith("bad.png: is a damaged PNG: ")));
}

TEST(DecodeImageTest, EveryFlippedByteIsSurvived) {
  const std::string whole[] = {EncodeJpeg(Gradient(24, 24, 3)), EncodeJpeg(Gradient(24, 24, 1), true),
                               EncodePng(Gradient(24, 24, 3))};
  for (const std::string& original : whole) {
    for (size_t i = 0; i < original.size(); ++i) {
      std::string bytes = original;
      bytes[i] = static_cast<char>(~bytes[i]);
      const absl::StatusOr<Image> image = DecodeImage(bytes, "flipped");
      if (!image.ok()) continue;
      EXPECT_EQ(image->pixels.size(), static_cast<size_t>(image->width) * image->height * image->channels);
    }
  }
}

TEST(DecodeImageTest, OtherContentsAreRefused) {
  EXPECT_THAT(DecodeImage("", "empty.jpg"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 bytes")));
  EXPECT_THAT(DecodeImage("GIF89a", "a.jpg"), StatusIs(absl::StatusCode::kInvalidArgument,
                                                       "a.jpg: is neither a JPEG nor a PNG, whatever its name says"));
}

// The size says 65000 x 65000; the data need not be there to see that it is too much.
TEST(DecodeImageTest, APixelBombIsRefusedBeforeItIsDecoded) {
  std::string jpeg = EncodeJpeg(Gradient(8, 8, 3));
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (size_t i = 5; i < 9; ++i) jpeg[frame + i] = '\xfd';
  EXPECT_THAT(DecodeImage(jpeg, "bomb.jpg"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("65021x65021 pixels large")));
  const std::string row(40'000, '\0');
  const std::string png = EncodePng(40'000, 2000, PNG_COLOR_TYPE_GRAY, 8, std::vector<std::string>(2000, row));
  EXPECT_THAT(DecodeImage(png, "bomb.png"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("40000x2000 pixels large")));
}

}  // namespace
}  // namespace joinery::compiler
