#include "compiler/evaluation/layer_analysis.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/evaluation/copy_nodes.h"
#include "compiler/evaluation/layer_statistics.h"
#include "compiler/evaluation/measure_layers.h"
#include "compiler/evaluation/pair_layers.h"
#include "compiler/evaluation/side_by_side.h"
#include "compiler/evaluation/trace_error.h"
#include "compiler/execution/executor.h"
#include "compiler/ir/graph.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr double kLargestDb = 200;
// Results of a sample that are in memory at once. A model with more is looked at in parts, so that the analysis needs
// no more than calibration does.
constexpr int64_t kResultBytes = int64_t{48} << 20;

using Load = std::function<absl::StatusOr<std::vector<Tensor>>(size_t)>;

// Six significant digits: what a figure means, and what its JSON needs.
float Round(double value) {
  if (!std::isfinite(value)) return 0;
  char text[32];
  std::snprintf(text, sizeof(text), "%.5e", value);
  return std::strtof(text, nullptr);
}

double Decibels(double signal, double noise) {
  if (!(noise > 0)) return kLargestDb;
  if (!(signal > 0)) return -kLargestDb;
  return std::clamp(10 * std::log10(signal / noise), -kLargestDb, kLargestDb);
}

// The error of a tensor that should be zero is as large as can be.
double Relative(double noise, double signal) {
  if (!(noise > 0)) return 0;
  return std::sqrt(noise / std::max(signal, noise * 1e-12));
}

// Splits the layers into runs whose results fit into kResultBytes.
std::vector<std::vector<size_t>> SplitByMemory(Graph& float_graph, const std::vector<LayerPair>& layers) {
  std::vector<std::vector<size_t>> parts;
  int64_t bytes = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto shape = float_graph.Shape(layers[i].tensor);
    const int64_t own = shape.has_value() ? 3 * static_cast<int64_t>(sizeof(float)) * NumElements(*shape) : 0;
    if (parts.empty() || bytes + own > kResultBytes) {
      parts.emplace_back();
      bytes = 0;
    }
    bytes += own;
    parts.back().push_back(i);
  }
  return parts;
}

StatisticsOptions OptionsFor(const LayerPair& layer) {
  StatisticsOptions options;
  options.by_channel = layer.has_channels;
  if (!layer.format.has_value() || layer.format->scale <= 0) return options;
  options.has_range = true;
  // Up to half a step beyond the last number nothing is lost by cutting off.
  options.low = layer.format->low - layer.format->scale / 2;
  options.high = layer.format->high + layer.format->scale / 2;
  return options;
}

// Takes the results of one run, three for each layer, and sums them up.
class SampleReader {
 public:
  SampleReader(absl::Span<const LayerPair> layers, absl::Span<const size_t> part,
               std::vector<LayerStatistics>& statistics)
      : layers_(layers), part_(part), statistics_(statistics) {}

  void Take(size_t output, const TensorView& value) {
    const size_t layer = part_[output / 3];
    if (value.element_type != onnx::TensorProto::FLOAT) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("tensor \"", layers_[layer].tensor, "\" is not float32 in one of the models"));
      return;
    }
    const absl::Span<const float> values = value.values<float>();
    if (output % 3 < 2) {
      // Views end with the call.
      (output % 3 == 0 ? expected_ : isolated_).assign(values.begin(), values.end());
      return;
    }
    if (values.size() != expected_.size() || values.size() != isolated_.size()) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("tensor \"", layers_[layer].tensor, "\" has another shape in the quantized model"));
      return;
    }
    statistics_[layer].Add(value.shape, expected_, isolated_, values, OptionsFor(layers_[layer]));
  }

  const absl::Status& status() const { return status_; }

 private:
  absl::Span<const LayerPair> layers_;
  absl::Span<const size_t> part_;
  std::vector<LayerStatistics>& statistics_;
  std::vector<float> expected_;
  std::vector<float> isolated_;
  absl::Status status_;
};

class Analysis {
 public:
  Analysis(onnx::ModelProto float_model, onnx::ModelProto quantized, const LayerAnalysisOptions& options)
      : float_(std::move(float_model)), quantized_(std::move(quantized)), options_(options) {}

  absl::StatusOr<v1::Precision> Run(const Load& load) {
    layers_ = PairLayers(float_, quantized_);
    statistics_.resize(layers_.size());
    RETURN_IF_ERROR(CheckSameInputs(float_.model(), quantized_.model()));
    for (const std::vector<size_t>& part : SplitByMemory(float_, layers_)) RETURN_IF_ERROR(RunPart(part, load));
    RETURN_IF_ERROR(FindContributions(load));
    return Describe();
  }

 private:
  absl::Status RunPart(const std::vector<size_t>& part, const Load& load) {
    ASSIGN_OR_RETURN(const onnx::ModelProto model, PutSideBySide(float_.model(), quantized_.model(), layers_, part));
    ASSIGN_OR_RETURN(const std::unique_ptr<Executor> executor,
                     LoadOnnxRuntime(model, {.threads = options_.threads, .device = options_.device}));
    // One sample after the other: the results of several at once would be most of the memory of a build.
    for (size_t sample = 0; sample < options_.num_samples; ++sample) {
      ASSIGN_OR_RETURN(const std::vector<Tensor> feed, load(sample));
      SampleReader reader(layers_, part, statistics_);
      RETURN_IF_ERROR(executor->Run(feed, [&](size_t output, const TensorView& value) { reader.Take(output, value); }));
      RETURN_IF_ERROR(reader.status());
    }
    return absl::OkStatus();
  }

  absl::Status FindContributions(const Load& load) {
    if (options_.measure_contributions) {
      std::vector<size_t> wanted;
      for (size_t i = 0; i < layers_.size(); ++i) {
        // One that adds nothing to its inputs' errors moves values, and has its range from what it moves.
        if (layers_[i].format.has_value() && statistics_[i].injected > 0) wanted.push_back(i);
      }
      ASSIGN_OR_RETURN(measured_, MeasureLayers(float_, quantized_, layers_, wanted, options_.num_samples,
                                                options_.threads, options_.device, load));
      ShareOutMeasured();
      return absl::OkStatus();
    }
    std::vector<TracedLayer> traced(layers_.size());
    for (size_t i = 0; i < layers_.size(); ++i) {
      const LayerStatistics& statistics = statistics_[i];
      traced[i] = {layers_[i].inputs,     statistics.signal,   statistics.error,
                   statistics.inherited,  statistics.injected, float_.IsGraphOutput(layers_[i].tensor),
                   AddsInputs(layers_[i])};
    }
    contributions_ = TraceError(traced);
    return absl::OkStatus();
  }

  static bool AddsInputs(const LayerPair& layer) {
    return layer.op_type != "Mul" && layer.op_type != "Div" && layer.op_type != "MatMul";
  }

  void ShareOutMeasured() {
    contributions_.assign(layers_.size(), 0);
    double sum = 0;
    for (const MeasuredLayer& measured : measured_) sum += measured.relative_energy;
    for (const MeasuredLayer& measured : measured_) {
      contributions_[measured.layer] = sum > 0 ? measured.relative_energy / sum : 0;
    }
  }

  absl::StatusOr<v1::Precision> Describe() {
    v1::Precision precision;
    precision.set_layer_samples(static_cast<int32_t>(options_.num_samples));
    precision.set_contribution_method(options_.measure_contributions ? v1::CONTRIBUTION_METHOD_MEASURED
                                                                     : v1::CONTRIBUTION_METHOD_TRACED);
    for (size_t i = 0; i < layers_.size(); ++i) {
      v1::LayerPrecision* layer = precision.add_layers();
      DescribeLayer(layers_[i], *layer);
      DescribeErrors(statistics_[i], *layer);
      layer->set_contribution(Round(contributions_[i]));
      layer->set_input_spread(InputSpread(layers_[i]));
      if (layers_[i].weights.empty()) continue;
      ASSIGN_OR_RETURN(const float spread, WeightSpread(layers_[i]));
      layer->set_weight_spread(spread);
    }
    for (const MeasuredLayer& measured : measured_) {
      precision.mutable_layers(static_cast<int>(measured.layer))
          ->set_alone_sqnr_db(Round(Decibels(1, measured.relative_energy)));
    }
    return precision;
  }

  void DescribeLayer(const LayerPair& pair, v1::LayerPrecision& layer) const {
    layer.set_name(pair.name);
    layer.set_op_type(pair.op_type);
    layer.set_tensor(pair.tensor);
    layer.set_weight_bits(pair.weight_bits);
    for (const size_t input : pair.inputs) layer.add_inputs(layers_[input].tensor);
    if (!pair.format.has_value()) return;
    layer.set_bits(pair.format->bits);
    layer.set_scale(Round(pair.format->scale));
    layer.set_zero_point(pair.format->zero_point);
    layer.set_range_min(Round(pair.format->low));
    layer.set_range_max(Round(pair.format->high));
  }

  static void DescribeErrors(const LayerStatistics& statistics, v1::LayerPrecision& layer) {
    layer.set_sqnr_db(Round(Decibels(statistics.signal, statistics.error)));
    layer.set_cosine(statistics.samples == 0 ? 1
                                             : Round(statistics.cosine_sum / static_cast<double>(statistics.samples)));
    layer.set_relative_error(Round(Relative(statistics.error, statistics.signal)));
    layer.set_injected_error(Round(Relative(statistics.injected, statistics.signal)));
    layer.set_inherited_error(Round(Relative(statistics.inherited, statistics.signal)));
    layer.set_observed_min(Round(statistics.min));
    layer.set_observed_max(Round(statistics.max));
    if (statistics.values > 0) {
      layer.set_saturation(Round(static_cast<double>(statistics.saturated) / static_cast<double>(statistics.values)));
    }
    layer.set_channel_spread(Round(Spread(statistics.channel_magnitudes)));
  }

  float InputSpread(const LayerPair& layer) const {
    const bool joins = layer.op_type == "Add" || layer.op_type == "Sub" || layer.op_type == "Concat";
    if (!joins || layer.inputs.size() < 2) return 0;
    std::vector<float> magnitudes;
    magnitudes.reserve(layer.inputs.size());
    for (const size_t i : layer.inputs) magnitudes.push_back(std::max(statistics_[i].max, -statistics_[i].min));
    const auto [least, most] = std::minmax_element(magnitudes.begin(), magnitudes.end());
    return *least > 0 ? Round(*most / *least) : 0;
  }

  absl::StatusOr<float> WeightSpread(const LayerPair& layer) {
    const onnx::TensorProto& proto = *float_.Initializer(layer.weights);
    ASSIGN_OR_RETURN(const std::vector<float> weights, FloatValues(proto));
    if (layer.weight_axis >= proto.dims_size()) return 0;
    const auto channels = static_cast<size_t>(proto.dims(layer.weight_axis));
    size_t inner = 1;
    for (int i = layer.weight_axis + 1; i < proto.dims_size(); ++i) inner *= static_cast<size_t>(proto.dims(i));
    std::vector<float> magnitudes(channels);
    for (size_t i = 0; i < weights.size(); ++i) {
      float& magnitude = magnitudes[i / inner % channels];
      magnitude = std::max(magnitude, std::fabs(weights[i]));
    }
    return Round(Spread(std::move(magnitudes)));
  }

  Graph float_;
  Graph quantized_;
  const LayerAnalysisOptions& options_;
  std::vector<LayerPair> layers_;
  std::vector<LayerStatistics> statistics_;
  std::vector<MeasuredLayer> measured_;
  std::vector<double> contributions_;
};

}  // namespace

absl::StatusOr<v1::Precision> AnalyzeLayers(const onnx::ModelProto& float_model, const onnx::ModelProto& quantized,
                                            const Load& load, const LayerAnalysisOptions& options) {
  onnx::ModelProto reference = float_model;
  onnx::ModelProto unified = quantized;
  RETURN_IF_ERROR(UnifyOpsets(unified, reference));
  return Analysis(std::move(reference), std::move(unified), options).Run(load);
}

}  // namespace joinery::compiler
