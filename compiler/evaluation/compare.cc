#include "compiler/evaluation/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace joinery::compiler {
namespace {

constexpr double kLargestSqnrDb = 200;

}  // namespace

void Comparison::Add(absl::Span<const float> reference, absl::Span<const float> quantized) {
  double dot = 0;
  double reference_squared = 0;
  double quantized_squared = 0;
  double noise = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const double a = reference[i];
    const double b = quantized[i];
    dot += a * b;
    reference_squared += a * a;
    quantized_squared += b * b;
    noise += (a - b) * (a - b);
  }
  double cosine = 1;
  if (reference_squared > 0 || quantized_squared > 0) {
    const double norms = std::sqrt(reference_squared) * std::sqrt(quantized_squared);
    cosine = norms > 0 ? std::clamp(dot / norms, -1.0, 1.0) : 0;
  }
  ++samples_;
  cosine_sum_ += cosine;
  cosine_min_ = std::min(cosine_min_, cosine);
  signal_ += reference_squared;
  noise_ += noise;
}

double Comparison::relative_error() const {
  if (noise_ == 0) return 0;
  return signal_ > 0 ? std::sqrt(noise_ / signal_) : std::numeric_limits<double>::infinity();
}

double Comparison::sqnr_db() const {
  if (noise_ == 0) return kLargestSqnrDb;
  if (signal_ == 0) return -kLargestSqnrDb;
  return std::min(kLargestSqnrDb, 10 * std::log10(signal_ / noise_));
}

v1::OutputPrecision Comparison::ToProto(const std::string& name) const {
  v1::OutputPrecision precision;
  precision.set_name(name);
  precision.set_cosine_mean(cosine_mean());
  precision.set_cosine_min(cosine_min());
  precision.set_sqnr_db(sqnr_db());
  precision.set_relative_error(relative_error());
  return precision;
}

}  // namespace joinery::compiler
