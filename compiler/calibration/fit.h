// Photos of another size than the input.
#pragma once

#include "compiler/calibration/image.h"
#include "joinery/v1/build_configuration.pb.h"

namespace joinery::compiler {

// `image` (at least 1x1) as `width` x `height` pixels (at least 1x1), in the way `fit` says; UNSPECIFIED is COVER.
// Where a number of left-over pixels is odd, the right or the lower end has one more.
//
// Scaling is linear with a filter as wide as the reduction, so that it does not alias: first along rows, then along
// columns, in integers, rounding to 8 bits after each. An axis whose size does not change is not filtered.
// Deterministic.
Image FitImage(const Image& image, int width, int height, v1::ImageFit fit);

}  // namespace joinery::compiler
