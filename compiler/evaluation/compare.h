// How near one tensor comes to another, over any number of samples.
#pragma once

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Sums up what is needed for cosine, relative error and signal to noise. Not thread-safe.
class Comparison {
 public:
  // One sample: the float model's values, and those of the quantized one, as many.
  void Add(absl::Span<const float> reference, absl::Span<const float> quantized);

  int64_t samples() const { return samples_; }
  // Mean and least over the samples. The cosine of two zero vectors is 1, of a zero and another vector 0.
  double cosine_mean() const { return samples_ == 0 ? 1 : cosine_sum_ / static_cast<double>(samples_); }
  double cosine_min() const { return cosine_min_; }
  // ||reference - quantized|| / ||reference|| over all samples: the vendor's "2-norm RE". 0 if equal.
  double relative_error() const;
  // 20 log10 of the inverse; at most 200.
  double sqnr_db() const;

  v1::OutputPrecision ToProto(const std::string& name) const;

 private:
  int64_t samples_ = 0;
  double cosine_sum_ = 0;
  double cosine_min_ = 1;
  double signal_ = 0;
  double noise_ = 0;
};

}  // namespace joinery::compiler
