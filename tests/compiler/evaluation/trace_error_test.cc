#include "compiler/evaluation/trace_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace joinery::compiler {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;

testing::Matcher<double> Near(double value) { return DoubleNear(value, 1e-12); }

TracedLayer Layer(std::vector<size_t> inputs, double injected, double inherited) {
  TracedLayer layer;
  layer.inputs = std::move(inputs);
  layer.signal = 1;
  layer.injected = injected;
  layer.inherited = inherited;
  layer.error = injected + inherited;
  return layer;
}

TEST(TraceErrorTest, AChainDividesAtEachLayer) {
  std::vector<TracedLayer> layers = {Layer({}, 2, 0), Layer({0}, 1, 3), Layer({1}, 1, 1)};
  layers[2].is_output = true;
  // Half arises at the end, a quarter of the other half in the middle.
  EXPECT_THAT(TraceError(layers), ElementsAre(Near(0.375), Near(0.125), Near(0.5)));
}

TEST(TraceErrorTest, ASumInheritsByTheSizeOfErrorsAndAProductByTheirRelativeSize) {
  std::vector<TracedLayer> layers = {Layer({}, 1, 0), Layer({}, 3, 0), Layer({0, 1}, 0, 4)};
  layers[0].signal = 1;
  layers[1].signal = 9;
  layers[2].is_output = true;
  EXPECT_THAT(TraceError(layers), ElementsAre(Near(0.25), Near(0.75), Near(0)));
  layers[2].adds = false;
  EXPECT_THAT(TraceError(layers), ElementsAre(Near(0.75), Near(0.25), Near(0)));
}

TEST(TraceErrorTest, OutputsCountAlikeAndExactOnesNotAtAll) {
  std::vector<TracedLayer> layers = {Layer({}, 100, 0), Layer({}, 1, 0), Layer({}, 0, 0)};
  for (TracedLayer& layer : layers) layer.is_output = true;
  EXPECT_THAT(TraceError(layers), ElementsAre(Near(0.5), Near(0.5), Near(0)));
}

TEST(TraceErrorTest, WithoutErrorNobodyContributes) {
  std::vector<TracedLayer> layers = {Layer({}, 0, 0)};
  layers[0].is_output = true;
  EXPECT_THAT(TraceError(layers), ElementsAre(Near(0)));
}

}  // namespace
}  // namespace joinery::compiler
