#include "compiler/target/cost_model.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/ir/multiplications.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {
namespace {

// 10^12 operations a second are so many multiplications, with an addition each, a microsecond; 10^9 a second of
// anything else are a thousand a microsecond.
constexpr double kMultiplicationsPerTops = 1e6 / 2;
constexpr double kPerGiga = 1e3;

bool IsOneOf(const std::string& op_type, std::initializer_list<const char*> types) {
  return std::any_of(types.begin(), types.end(), [&](const char* type) { return op_type == type; });
}

// Only says how a tensor is to be read.
bool IsView(const LayerShape& layer) {
  return IsOneOf(layer.op_type, {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Shape",
                                 "ConstantOfShape", "Constant"});
}

bool IsConvolution(const LayerShape& layer) {
  return layer.weights.size() >= 2 && IsOneOf(layer.op_type, {"Conv", "ConvTranspose"});
}

bool IsMatMul(const LayerShape& layer) {
  return !layer.inputs.empty() && !layer.inputs[0].empty() && IsOneOf(layer.op_type, {"MatMul", "Gemm"});
}

int64_t Multiplications(const LayerShape& layer) {
  if (layer.inputs.empty()) return 0;
  const bool has_constant = !layer.weights.empty();
  if (!has_constant && layer.inputs.size() < 2) return 0;
  return CountMultiplications(layer.op_type, layer.inputs[0], has_constant ? layer.weights : layer.inputs[1],
                              layer.output);
}

// How many times as many multiplications a convolution takes with the channels of each group filled up.
double FillingUp(const LayerShape& layer, int64_t group_in, int64_t group_out) {
  const int64_t per_group = layer.weights[0] / std::max<int64_t>(layer.group, 1);
  const bool transposed = layer.op_type == "ConvTranspose";
  const int64_t in = transposed ? per_group : layer.weights[1];
  const int64_t out = transposed ? layer.weights[1] : per_group;
  const auto filling = [](int64_t channels, int64_t group) {
    const int64_t filled = (channels + group - 1) / group * group;
    return static_cast<double>(filled) / static_cast<double>(std::max<int64_t>(channels, 1));
  };
  return filling(in, group_in) * filling(out, group_out);
}

bool IsDepthwise(const LayerShape& layer) {
  const int64_t in = layer.op_type == "Conv" ? layer.weights[1] : layer.weights[0] / std::max<int64_t>(layer.group, 1);
  return layer.group > 1 && in == 1;
}

int64_t InputElements(const LayerShape& layer) {
  int64_t elements = 0;
  for (const Dimensions& input : layer.inputs) elements += NumElements(input);
  return elements;
}

// How much more time than 8 bits the operands take.
double Times8Bits(int bits) { return std::max(1.0, bits / 8.0); }

absl::Status Require(bool is_there, const v1::TargetDescription& target, absl::string_view field) {
  if (is_there) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the description of ", target.name(), " has no cost.", field, ", so there is no estimate for it"));
}

void ChooseBound(v1::LayerCost& cost) {
  const double longest = std::max({cost.compute_us(), cost.vector_us(), cost.memory_us()});
  cost.set_time_us(longest + cost.overhead_us());
  if (cost.overhead_us() >= longest) {
    cost.set_bound(v1::COST_BOUND_OVERHEAD);
  } else if (cost.compute_us() == longest) {
    cost.set_bound(v1::COST_BOUND_COMPUTE);
  } else {
    cost.set_bound(cost.vector_us() == longest ? v1::COST_BOUND_VECTOR : v1::COST_BOUND_MEMORY);
  }
}

double LargestPeak(const v1::TargetDescription& target) {
  double largest = 0;
  for (const v1::NpuMode& mode : target.modes()) largest = std::max(largest, mode.peak_tops().value());
  return largest;
}

}  // namespace

absl::StatusOr<CostModel> CostModel::Create(const v1::TargetDescription& target, const v1::NpuMode& mode) {
  const v1::CostFigures& figures = target.cost();
  CostModel model;
  model.cpu_only_ = target.cpu_only();
  model.cpu_operation_rate_ = figures.cpu_gops().value() * kPerGiga;
  model.cpu_element_rate_ = figures.cpu_gelements_per_s().value() * kPerGiga;
  if (target.cpu_only()) {
    RETURN_IF_ERROR(Require(figures.has_cpu_gops(), target, "cpu_gops"));
    RETURN_IF_ERROR(Require(figures.has_cpu_gelements_per_s(), target, "cpu_gelements_per_s"));
    return model;
  }
  RETURN_IF_ERROR(Require(figures.has_convolution_efficiency(), target, "convolution_efficiency"));
  RETURN_IF_ERROR(Require(figures.has_depthwise_efficiency(), target, "depthwise_efficiency"));
  RETURN_IF_ERROR(Require(figures.has_matmul_efficiency(), target, "matmul_efficiency"));
  RETURN_IF_ERROR(Require(figures.has_vector_gelements_per_tops(), target, "vector_gelements_per_tops"));
  RETURN_IF_ERROR(Require(figures.has_bandwidth_gb_per_s(), target, "bandwidth_gb_per_s"));
  RETURN_IF_ERROR(Require(figures.has_layer_buffer_bytes(), target, "layer_buffer_bytes"));
  const double peak = mode.peak_tops().value();
  model.convolution_rate_ = peak * kMultiplicationsPerTops * figures.convolution_efficiency().value();
  model.depthwise_rate_ = peak * kMultiplicationsPerTops * figures.depthwise_efficiency().value();
  model.matmul_rate_ = peak * kMultiplicationsPerTops * figures.matmul_efficiency().value();
  model.vector_rate_ = peak * kPerGiga * figures.vector_gelements_per_tops().value();
  model.bandwidth_ = figures.bandwidth_gb_per_s().value() * kPerGiga;
  model.buffer_bytes_ = figures.layer_buffer_bytes().value() * peak / LargestPeak(target);
  model.input_channel_group_ = std::max<int64_t>(1, static_cast<int64_t>(figures.input_channel_alignment().value()));
  model.output_channel_group_ = std::max<int64_t>(1, static_cast<int64_t>(figures.output_channel_alignment().value()));
  model.network_overhead_us_ = figures.network_overhead_us().value();
  model.layer_overhead_us_ = figures.layer_overhead_us().value();
  for (const v1::OperatorCost& operators : figures.operators()) {
    for (const std::string& type : operators.op_types()) {
      model.operator_factors_[type] = operators.factor().value();
    }
  }
  return model;
}

v1::LayerCost CostModel::Estimate(const LayerShape& layer) const {
  v1::LayerCost cost;
  cost.set_name(layer.name);
  cost.set_op_type(layer.op_type);
  if (IsView(layer)) return cost;
  cost.set_operations(Operations(layer));
  if (!layer.weights.empty()) cost.set_weight_bytes(NumElements(layer.weights) * layer.weight_bits / 8);
  if (cpu_only_ || layer.on_cpu) {
    EstimateOnCpu(layer, cost);
  } else {
    EstimateOnNpu(layer, cost);
  }
  return cost;
}

void CostModel::EstimateOnNpu(const LayerShape& layer, v1::LayerCost& cost) const {
  const auto multiplications = static_cast<double>(Multiplications(layer));
  if (IsConvolution(layer)) {
    const bool depthwise = IsDepthwise(layer);
    const double filling = depthwise ? 1 : FillingUp(layer, input_channel_group_, output_channel_group_);
    cost.set_compute_us(multiplications * filling / (depthwise ? depthwise_rate_ : convolution_rate_));
    if (multiplications > 0) cost.set_alignment(1 / filling);
  } else if (IsMatMul(layer)) {
    cost.set_compute_us(multiplications / matmul_rate_);
    cost.set_alignment(1);
  }
  cost.set_compute_us(cost.compute_us() * Times8Bits(layer.bits) * Times8Bits(layer.weight_bits));
  cost.set_vector_us(VectorElements(layer) * Times8Bits(layer.bits) / vector_rate_);
  const double activation_bytes =
      static_cast<double>(InputElements(layer) + NumElements(layer.output)) * layer.bits / 8.0;
  const double dram_bytes = static_cast<double>(cost.weight_bytes()) + std::max(0.0, activation_bytes - buffer_bytes_);
  cost.set_dram_bytes(static_cast<int64_t>(dram_bytes));
  cost.set_memory_us(dram_bytes / bandwidth_);
  cost.set_overhead_us(layer_overhead_us_);
  ChooseBound(cost);
}

void CostModel::EstimateOnCpu(const LayerShape& layer, v1::LayerCost& cost) const {
  if (cost.operations() > 0 && cpu_operation_rate_ > 0) {
    cost.set_compute_us(static_cast<double>(cost.operations()) / cpu_operation_rate_);
  } else if (cost.operations() == 0 && cpu_element_rate_ > 0) {
    cost.set_vector_us(static_cast<double>(std::max(InputElements(layer), NumElements(layer.output))) /
                       cpu_element_rate_);
  }
  ChooseBound(cost);
}

double CostModel::VectorElements(const LayerShape& layer) const {
  const auto factor = [this](const std::string& type, double otherwise) {
    const auto found = operator_factors_.find(type);
    return found == operator_factors_.end() ? otherwise : found->second;
  };
  const auto output = static_cast<double>(NumElements(layer.output));
  // Functions that no factor names are free: the hardware applies them while it stores.
  double elements = layer.activation.empty() ? 0 : output * factor(layer.activation, 0);
  if (IsConvolution(layer) || IsMatMul(layer)) return elements;
  double own = std::max(output, static_cast<double>(InputElements(layer)));
  if (!layer.kernel.empty()) own = output * static_cast<double>(std::max<int64_t>(1, NumElements(layer.kernel)));
  if (IsOneOf(layer.op_type, {"Softmax", "LayerNormalization", "InstanceNormalization"})) own = output;
  return elements + own * factor(layer.op_type, 1);
}

int64_t Operations(const LayerShape& layer) { return 2 * Multiplications(layer); }

}  // namespace joinery::compiler
