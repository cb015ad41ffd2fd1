// Weights that a model stores as integers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "compiler/frontend/quantization_form.h"
#include "compiler/ir/imported_quantization.h"

namespace joinery::compiler {

// The same numbers with zero points 0; nothing if that takes more than 8 bits.
std::optional<ImportedWeights> WeightsOf(const QuantizationForm& form, const std::vector<int64_t>& shape,
                                         absl::Span<const int32_t> integers, const ChannelStride& stride);

// What they stand for.
std::vector<float> ValuesOf(const ImportedWeights& weights);

// The weights as ONNX's Transpose makes them; `order` has each dimension once.
ImportedWeights Transpose(const ImportedWeights& weights, const std::vector<int64_t>& order);

}  // namespace joinery::compiler
