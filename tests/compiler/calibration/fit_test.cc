#include "compiler/calibration/fit.h"

#include <gmock/gmock.h>

#include "tests/compiler/calibration/builders.h"

namespace joinery::compiler {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;

Image Grey(int width, int height, std::vector<uint8_t> pixels) { return {width, height, 1, std::move(pixels)}; }

TEST(FitImageTest, TheRightSizeIsUntouched) {
  const Image image = Gradient(9, 7, 3);
  for (const auto fit : {v1::IMAGE_FIT_COVER, v1::IMAGE_FIT_STRETCH, v1::IMAGE_FIT_LETTERBOX}) {
    EXPECT_EQ(FitImage(image, 9, 7, fit).pixels, image.pixels);
  }
}

TEST(FitImageTest, CoverOfTheRightHeightOnlyCropsLeftRoundedDown) {
  const Image image = Grey(6, 2, {0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15});
  EXPECT_THAT(FitImage(image, 3, 2, v1::IMAGE_FIT_COVER).pixels, ElementsAre(1, 2, 3, 11, 12, 13));
  EXPECT_THAT(FitImage(image, 3, 2, v1::IMAGE_FIT_UNSPECIFIED).pixels, ElementsAre(1, 2, 3, 11, 12, 13));
}

TEST(FitImageTest, CoverOfTheRightWidthOnlyCrops) {
  EXPECT_THAT(FitImage(Grey(1, 4, {1, 2, 3, 4}), 1, 1, v1::IMAGE_FIT_COVER).pixels, ElementsAre(2));
}

// By hand: centre 1.0, half-width 2, so weights 3/8... of a triangle: (0.75, 0.75, 0.25) / 1.75 and mirrored.
TEST(FitImageTest, HalvingUsesATriangleTwoSourcePixelsWide) {
  const Image image = Grey(4, 1, {0, 100, 200, 40});
  // (0 * 0.75 + 100 * 0.75 + 200 * 0.25) / 1.75 = 71.4; (100 * 0.25 + 200 * 0.75 + 40 * 0.75) / 1.75 = 117.1
  EXPECT_THAT(FitImage(image, 2, 1, v1::IMAGE_FIT_STRETCH).pixels, ElementsAre(71, 117));
}

TEST(FitImageTest, DoublingIsLinear) {
  EXPECT_THAT(FitImage(Grey(2, 1, {0, 100}), 4, 1, v1::IMAGE_FIT_STRETCH).pixels, ElementsAre(0, 25, 75, 100));
  EXPECT_THAT(FitImage(Grey(1, 2, {0, 100}), 1, 4, v1::IMAGE_FIT_STRETCH).pixels, ElementsAre(0, 25, 75, 100));
}

TEST(FitImageTest, APlainPictureStaysPlain) {
  for (const auto fit : {v1::IMAGE_FIT_COVER, v1::IMAGE_FIT_STRETCH}) {
    for (const uint8_t value : {0, 1, 127, 254, 255}) {
      const Image image{37, 53, 3, std::vector<uint8_t>(37 * 53 * 3, value)};
      const Image fitted = FitImage(image, 16, 90, fit);
      EXPECT_EQ(fitted.pixels.size(), 16 * 90 * 3);
      EXPECT_THAT(fitted.pixels, Each(value));
    }
  }
}

TEST(FitImageTest, LetterboxFillsWithGreyAtBothEnds) {
  const Image image{4, 2, 1, std::vector<uint8_t>(8, 200)};
  EXPECT_THAT(FitImage(image, 2, 4, v1::IMAGE_FIT_LETTERBOX).pixels,
              ElementsAre(114, 114, 200, 200, 114, 114, 114, 114));
  EXPECT_THAT(FitImage(Grey(1, 2, {7, 7}), 4, 2, v1::IMAGE_FIT_LETTERBOX).pixels,
              ElementsAre(114, 7, 114, 114, 114, 7, 114, 114));
}

// Scaled to cover the input, it would have 224 x 14 million pixels.
TEST(FitImageTest, AVeryNarrowPictureCostsLittle) {
  const Image image{1, 65'535, 1, std::vector<uint8_t>(65'535, 9)};
  EXPECT_THAT(FitImage(image, 224, 224, v1::IMAGE_FIT_COVER).pixels, Each(9));
  EXPECT_EQ(FitImage(image, 224, 224, v1::IMAGE_FIT_LETTERBOX).pixels.size(), 224 * 224);
}

TEST(FitImageTest, EverySmallSizeWorks) {
  for (int width = 1; width < 9; ++width) {
    for (int height = 1; height < 9; ++height) {
      for (const auto fit : {v1::IMAGE_FIT_COVER, v1::IMAGE_FIT_STRETCH, v1::IMAGE_FIT_LETTERBOX}) {
        const Image fitted = FitImage(Gradient(width, height, 3), 5, 4, fit);
        EXPECT_EQ(fitted.width, 5);
        EXPECT_EQ(fitted.height, 4);
        EXPECT_EQ(fitted.pixels.size(), 5 * 4 * 3);
      }
    }
  }
}

}  // namespace
}  // namespace joinery::compiler
