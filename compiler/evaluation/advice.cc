#include "compiler/evaluation/advice.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/evaluation/print_layers.h"

namespace joinery::compiler {
namespace {

constexpr int kMostOfAKind = 3;

// Below these a figure says nothing; they are where the loss by it alone reaches about one of eight bits, or, for
// shares of the error, where mending a layer shows in the outputs.
constexpr float kWideSpread = 8;
constexpr float kWideInputSpread = 8;
constexpr float kMuchSaturation = 0.005F;
constexpr float kDominantContribution = 0.15F;
constexpr float kSmallContribution = 0.01F;
// Of the quantization range, the share that values used.
constexpr float kUnusedRange = 0.35F;
constexpr int kFewSamples = 20;
// Where nothing is lost there is nothing to advise.
constexpr float kGoodSqnrDb = 40;

// The configuration that gives these layers 16 bits; `layer` is quoted so that it is one string in the file.
std::string SixteenBits(const std::string& layer) {
  std::string quoted;
  for (const char c : layer) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return absl::StrCat("joinery_conf { layer_configs { layer_names: \"", quoted, "\" bits: LAYER_BITS_16 } }");
}

bool IsOutput(const v1::Manifest& manifest, const std::string& tensor) {
  return std::any_of(manifest.precision().outputs().begin(), manifest.precision().outputs().end(),
                     [&](const v1::OutputPrecision& output) { return output.name() == tensor; });
}

class Adviser {
 public:
  explicit Adviser(v1::Manifest& manifest)
      : manifest_(manifest), quantization_(manifest.configuration().quantization()) {
    for (const v1::LayerPrecision& layer : manifest.precision().layers()) by_tensor_[layer.tensor()] = &layer;
  }

  void Advise() {
    AdviseOnSamples();
    for (const v1::LayerPrecision* layer : RankLayers(manifest_.precision())) {
      if (layer->bits() == 0) AdviseOnScore(*layer);
      if (layer->bits() == 0 || layer->injected_error() <= 0) continue;
      AdviseOnScore(*layer);
      AdviseOnSaturation(*layer);
      AdviseOnInputs(*layer);
      if (layer->bits() > 8) continue;
      AdviseOnDominance(*layer);
      AdviseOnChannels(*layer);
      AdviseOnWeights(*layer);
      AdviseOnUnusedRange(*layer);
    }
    // Most urgent first: without enough samples no other figure is certain.
    manifest_.mutable_precision()->clear_advice();
    for (v1::Advice& advice : advice_) *manifest_.mutable_precision()->add_advice() = std::move(advice);
  }

 private:
  void Add(const std::string& kind, const std::string& layer, float value, std::string finding, std::string action) {
    if (++count_of_kind_[kind] > kMostOfAKind) return;
    v1::Advice& advice = advice_.emplace_back();
    advice.set_kind(kind);
    advice.set_layer(layer);
    advice.set_value(value);
    advice.set_finding(std::move(finding));
    advice.set_action(std::move(action));
  }

  static bool Matters(const v1::LayerPrecision& layer) { return layer.contribution() >= kSmallContribution; }

  void AdviseOnSamples() {
    const int samples = manifest_.calibration_set().samples();
    if (samples == 0 || samples >= kFewSamples) return;
    Add("few_samples", "", static_cast<float>(samples),
        absl::StrFormat("The calibration set has only %d %s: ranges may miss what other inputs need.", samples,
                        samples == 1 ? "sample" : "samples"),
        "Give --calibration 50 to 100 samples that look like what the model will see.");
  }

  void AdviseOnDominance(const v1::LayerPrecision& layer) {
    if (layer.contribution() < kDominantContribution || WorstOutputDb() > kGoodSqnrDb) return;
    const bool is_measured = manifest_.precision().contribution_method() == v1::CONTRIBUTION_METHOD_MEASURED;
    Add("dominant_layer", layer.name(), layer.contribution(),
        absl::StrFormat("%s causes %.0f %% of the outputs' error (%s).", layer.name(), 100 * layer.contribution(),
                        is_measured ? "measured" : "estimated"),
        absl::StrCat("Give it 16 bits: ", SixteenBits(layer.name()), "."));
  }

  void AdviseOnChannels(const v1::LayerPrecision& layer) {
    if (layer.channel_spread() < kWideSpread || !Matters(layer)) return;
    const bool is_equalized = quantization_.cross_layer_equalization();
    Add("channel_spread", layer.name(), layer.channel_spread(),
        absl::StrFormat("%s: one output channel spans %.0f times the median of the others, which is left with %.1f of "
                        "%d bits.",
                        layer.name(), layer.channel_spread(), BitsLeft(layer, layer.channel_spread()), layer.bits()),
        is_equalized ? absl::StrCat("Cross-layer equalization was applied and could not balance it: give the layer 16 "
                                    "bits: ",
                                    SixteenBits(layer.name()), ".")
                     : "Switch on cross-layer equalization: joinery_conf { cross_layer_equalization: SWITCH_ON }.");
  }

  void AdviseOnWeights(const v1::LayerPrecision& layer) {
    const bool is_per_tensor =
        manifest_.configuration().calibration().weight_granularity() == v1::WEIGHT_GRANULARITY_PER_TENSOR;
    if (!is_per_tensor || layer.weight_bits() == 0 || layer.weight_spread() < kWideSpread || !Matters(layer)) return;
    Add("weight_spread", layer.name(), layer.weight_spread(),
        absl::StrFormat("%s: the weights of one output channel span %.0f times the median of the others, and all share "
                        "one scale.",
                        layer.name(), layer.weight_spread()),
        "Give each channel a scale: dataset_conf_calibration { calibration_strategy: CALIB_STRATEGY_PER_CHANNEL }, the "
        "default.");
  }

  void AdviseOnSaturation(const v1::LayerPrecision& layer) {
    if (layer.saturation() < kMuchSaturation) return;
    Add("saturation", layer.name(), layer.saturation(),
        absl::StrFormat("%s: its quantization cuts off %.2f %% of the values of tensor \"%s\": they reach from %.4g to "
                        "%.4g, it holds %.4g to %.4g.",
                        layer.name(), 100 * layer.saturation(), layer.tensor(), layer.observed_min(),
                        layer.observed_max(), layer.range_min(), layer.range_max()),
        "Let ranges reach further: joinery_conf { range_method: RANGE_METHOD_MIN_MAX }; or add samples with such "
        "values "
        "to the calibration set.");
  }

  void AdviseOnInputs(const v1::LayerPrecision& layer) {
    if (layer.input_spread() < kWideInputSpread || !Matters(layer)) return;
    Add("input_spread", layer.name(), layer.input_spread(),
        absl::StrFormat("%s %s tensors whose ranges differ %.0f times: the smaller loses %.1f bits.", layer.name(),
                        layer.op_type() == "Concat" ? "joins" : "adds", layer.input_spread(),
                        std::log2(layer.input_spread())),
        absl::StrCat("If the smaller one matters, give the layer 16 bits: ", SixteenBits(layer.name()), "."));
  }

  void AdviseOnUnusedRange(const v1::LayerPrecision& layer) {
    const float held = layer.range_max() - layer.range_min();
    const float used =
        std::min(layer.observed_max(), layer.range_max()) - std::max(layer.observed_min(), layer.range_min());
    if (held <= 0 || used <= 0 || used / held > kUnusedRange || !Matters(layer)) return;
    Add("unused_range", layer.name(), used / held,
        absl::StrFormat("%s: values use only %.0f %% of the range of tensor \"%s\" on the samples analyzed.",
                        layer.name(), 100 * used / held, layer.tensor()),
        SharesScale(layer)
            ? absl::StrCat(
                  "It shares its scale with wider tensors that Concat or another move of values ties it to: give "
                  "it 16 bits: ",
                  SixteenBits(layer.name()), ".")
            : "Choose ranges by the error they cause: joinery_conf { range_method: RANGE_METHOD_MSE }; or look for "
              "single calibration samples that are unlike the others.");
  }

  // A score between 0 and 1 is small numbers for all but a few places: what is relative to them is large.
  void AdviseOnScore(const v1::LayerPrecision& layer) {
    const bool is_score =
        layer.op_type() == "Sigmoid" || layer.op_type() == "Softmax" || layer.op_type() == "HardSigmoid";
    if (!is_score || !IsOutput(manifest_, layer.tensor()) || layer.inputs().empty()) return;
    const auto before = by_tensor_.find(layer.inputs(0));
    if (before == by_tensor_.end() || before->second->bits() == 0 || before->second->bits() > 8) return;
    if (layer.sqnr_db() > kGoodSqnrDb / 2) return;
    Add("score_output", before->second->name(), layer.sqnr_db(),
        absl::StrFormat("Output \"%s\" is a score behind a %s and has an SQNR of %.1f dB.", layer.tensor(),
                        layer.op_type(), layer.sqnr_db()),
        absl::StrCat("Keep the layer before it in 16 bits: ", SixteenBits(before->second->name()), "."));
  }

  bool SharesScale(const v1::LayerPrecision& layer) const {
    return std::any_of(by_tensor_.begin(), by_tensor_.end(), [&](const auto& entry) {
      const v1::LayerPrecision& other = *entry.second;
      return &other != &layer && other.scale() == layer.scale() && other.zero_point() == layer.zero_point() &&
             other.scale() > 0 &&
             other.observed_max() - other.observed_min() > layer.observed_max() - layer.observed_min();
    });
  }

  static double BitsLeft(const v1::LayerPrecision& layer, float spread) {
    return std::max(0.0, layer.bits() - std::log2(static_cast<double>(spread)));
  }

  double WorstOutputDb() const {
    double worst = 200;
    for (const v1::OutputPrecision& output : manifest_.precision().outputs()) worst = std::min(worst, output.sqnr_db());
    return worst;
  }

  v1::Manifest& manifest_;
  const v1::Quantization quantization_;
  std::unordered_map<std::string, const v1::LayerPrecision*> by_tensor_;
  std::unordered_map<std::string, int> count_of_kind_;
  std::vector<v1::Advice> advice_;
};

}  // namespace

void AddAdvice(v1::Manifest& manifest) { Adviser(manifest).Advise(); }

}  // namespace joinery::compiler
