#include "compiler/quantization/take_imported.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/ir/tensor_proto.h"

namespace joinery::compiler {
namespace {

constexpr char kPrefix[] = "the model's own quantization: ";

// "a", "b" and 3 more.
std::string List(const std::vector<std::string>& names) {
  constexpr size_t kShown = 3;
  const size_t shown = std::min(names.size(), kShown);
  std::string list;
  for (size_t i = 0; i < shown; ++i) absl::StrAppend(&list, i == 0 ? "" : ", ", "\"", names[i], "\"");
  if (shown < names.size()) absl::StrAppend(&list, " and ", names.size() - shown, " more");
  return list;
}

bool AreEqual(const ImportedActivation& a, const ImportedActivation& b) {
  return a.scale == b.scale && a.zero_point == b.zero_point && a.bits == b.bits;
}

float Width(const ImportedActivation& activation) {
  return activation.scale * (activation.bits == 16 ? 65535.0F : 255.0F);
}

// The factor by which the channel's weights are their imported integers times its scale; nothing if there is none.
std::optional<double> FactorOf(absl::Span<const float> weights, const ImportedWeights& imported, float scale,
                               const ChannelView& view, int64_t channel) {
  constexpr double kTolerance = 1e-6;
  const auto for_each = [&](const auto& visit) {
    for (int64_t outer = 0; outer < view.outer; ++outer) {
      const auto begin = static_cast<size_t>((outer * view.channels + channel) * view.inner);
      for (size_t i = begin; i < begin + static_cast<size_t>(view.inner); ++i) {
        visit(static_cast<double>(weights[i]), imported.values[i] * static_cast<double>(scale));
      }
    }
  };
  double product = 0;
  double square = 0;
  double largest = 0;
  for_each([&](double weight, double given) {
    product += weight * given;
    square += given * given;
    largest = std::max(largest, std::fabs(weight));
  });
  if (square == 0) return largest == 0 ? std::optional<double>(1) : std::nullopt;
  const double factor = product / square;
  double error = 0;
  for_each([&](double weight, double given) { error = std::max(error, std::fabs(weight - factor * given)); });
  if (error > kTolerance * largest || factor == 0) return std::nullopt;
  return std::fabs(factor - 1) <= kTolerance ? 1 : factor;
}

// The imported weights for a layer whose channels are along `axis`; nothing if they no longer are what the graph has,
// or have scales along another dimension.
std::optional<QuantizedWeights> Fit(const ImportedWeights& imported, absl::Span<const float> weights,
                                    const std::vector<int64_t>& shape, int axis) {
  const bool is_per_channel = imported.scales.size() > 1;
  if (imported.shape != shape || (is_per_channel && imported.axis != axis)) return std::nullopt;
  const ChannelView view = ViewByChannel(shape, axis);
  QuantizedWeights fitted{imported.values, {}};
  for (int64_t channel = 0; channel < view.channels; ++channel) {
    const float scale = imported.scales[is_per_channel ? static_cast<size_t>(channel) : 0];
    const std::optional<double> factor = FactorOf(weights, imported, scale, view, channel);
    if (!factor.has_value()) return std::nullopt;
    fitted.scales.push_back(static_cast<float>(std::fabs(*factor) * scale));
    if (*factor > 0) continue;
    for (int64_t outer = 0; outer < view.outer; ++outer) {
      const auto begin = static_cast<size_t>((outer * view.channels + channel) * view.inner);
      for (size_t i = begin; i < begin + static_cast<size_t>(view.inner); ++i) {
        if (fitted.values[i] == std::numeric_limits<int8_t>::min()) return std::nullopt;
        fitted.values[i] = static_cast<int8_t>(-fitted.values[i]);
      }
    }
  }
  return fitted;
}

class Taker {
 public:
  Taker(const ImportedQuantization& imported, const QuantizationPlan& plan, Graph& graph, Quantization& quantization,
        std::vector<std::string>& notes)
      : imported_(imported), plan_(plan), graph_(graph), quantization_(quantization), notes_(notes) {}

  absl::Status Run() {
    for (size_t i = 0; i < plan_.groups.size(); ++i) TakeActivations(i);
    for (size_t i = 0; i < plan_.linear_nodes.size(); ++i) RETURN_IF_ERROR(TakeWeights(i));
    notes_.push_back(absl::StrCat(kPrefix, taken_groups_, " of ", plan_.groups.size(),
                                  " scales of activations and the weights of ", taken_weights_, " of ",
                                  plan_.linear_nodes.size(), " layers taken untouched"));
    Note(completed_, "got scales here, from calibration");
    Note(other_bits_, "has a scale of other bits than are asked for, and got one here");
    Note(rounded_, "have weights of a form that is not kept, and were rounded here");
    NoteUnused();
    return absl::OkStatus();
  }

 private:
  void Note(const std::vector<std::string>& names, const std::string& what) {
    if (!names.empty()) notes_.push_back(absl::StrCat(kPrefix, List(names), " ", what));
  }

  void TakeActivations(size_t index) {
    const ActivationGroup& group = plan_.groups[index];
    std::vector<std::string> names = group.tensors;
    names.insert(names.end(), group.constants.begin(), group.constants.end());
    if (names.empty()) return;
    const ImportedActivation* widest = nullptr;
    bool is_conflict = false;
    bool has_other_bits = false;
    std::vector<std::string> with_scales;
    for (const std::string& name : names) {
      const auto found = imported_.activations.find(name);
      if (found == imported_.activations.end()) continue;
      used_.insert(name);
      if (found->second.bits != group.bits) {
        has_other_bits = true;
        continue;
      }
      with_scales.push_back(absl::StrCat(name, " (scale ", found->second.scale, ")"));
      is_conflict = is_conflict || (widest != nullptr && !AreEqual(*widest, found->second));
      if (widest == nullptr || Width(found->second) > Width(*widest)) widest = &found->second;
    }
    if (widest == nullptr) {
      (has_other_bits ? other_bits_ : completed_).push_back(names.front());
      return;
    }
    quantization_.activations[index].scale = widest->scale;
    quantization_.activations[index].zero_point = widest->zero_point;
    ++taken_groups_;
    if (!is_conflict) return;
    notes_.push_back(absl::StrCat(kPrefix, absl::StrJoin(with_scales, ", "),
                                  " must have one scale, because values move between them; all have ", widest->scale,
                                  " now, the widest"));
  }

  absl::Status TakeWeights(size_t index) {
    const LinearNode& linear = plan_.linear_nodes[index];
    const auto found = imported_.weights.find(linear.form.weights);
    if (found == imported_.weights.end()) return absl::OkStatus();
    const onnx::TensorProto* tensor = graph_.Initializer(linear.form.weights);
    ASSIGN_OR_RETURN(const std::vector<float> weights, FloatValues(*tensor));
    const std::vector<int64_t> shape(tensor->dims().begin(), tensor->dims().end());
    LinearQuantization& quantization = quantization_.linear[index];
    // One scale for all, where the model has no more and the configuration asks for no more.
    const bool is_per_tensor = quantization.weights.scales.size() == 1 && found->second.scales.size() == 1;
    std::optional<QuantizedWeights> fitted =
        Fit(found->second, weights, shape, is_per_tensor ? -1 : linear.form.channel_axis);
    if (!fitted.has_value()) {
      rounded_.push_back(linear.node->name().empty() ? linear.node->output(0) : linear.node->name());
      return absl::OkStatus();
    }
    quantization.weights = *std::move(fitted);
    if (!linear.form.bias.empty()) {
      ASSIGN_OR_RETURN(quantization.bias, FloatValues(*graph_.Initializer(linear.form.bias)));
    }
    ++taken_weights_;
    return absl::OkStatus();
  }

  void NoteUnused() {
    std::vector<std::string> unused;
    for (const auto& [name, activation] : imported_.activations) {
      if (graph_.Initializer(name) == nullptr && !used_.contains(name)) unused.push_back(name);
    }
    Note(unused,
         "has a scale that is not needed: nothing is quantized between an operator and its activation, nor "
         "where operators were joined");
  }

  const ImportedQuantization& imported_;
  const QuantizationPlan& plan_;
  Graph& graph_;
  Quantization& quantization_;
  std::vector<std::string>& notes_;
  std::unordered_set<std::string> used_;
  std::vector<std::string> completed_;
  std::vector<std::string> other_bits_;
  std::vector<std::string> rounded_;
  size_t taken_groups_ = 0;
  size_t taken_weights_ = 0;
};

}  // namespace

BitsOfNode BitsOfImported(const ImportedQuantization& imported, BitsOfNode configured) {
  return [&imported, configured = std::move(configured)](const onnx::NodeProto& node) {
    const v1::LayerBits bits = configured ? configured(node) : v1::LAYER_BITS_UNSPECIFIED;
    if (bits != v1::LAYER_BITS_UNSPECIFIED) return bits;
    for (const std::string& output : node.output()) {
      const auto found = imported.activations.find(output);
      if (found != imported.activations.end() && found->second.bits == 16) return v1::LAYER_BITS_16;
    }
    return v1::LAYER_BITS_UNSPECIFIED;
  };
}

absl::Status TakeImported(const ImportedQuantization& imported, const QuantizationPlan& plan, Graph& graph,
                          Quantization& quantization, std::vector<std::string>& notes) {
  return Taker(imported, plan, graph, quantization, notes).Run();
}

}  // namespace joinery::compiler
