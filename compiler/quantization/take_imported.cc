#include "compiler/quantization/take_imported.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
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

// Divides a group whose tensors have several scales.
class GroupSplitter {
 public:
  GroupSplitter(const ImportedQuantization& imported, Graph& graph, const ActivationGroup& group)
      : imported_(imported), graph_(graph), group_(group) {}

  // One group for each scale, in the order of the tensors.
  std::vector<ActivationGroup> Split() {
    for (const std::string& name : group_.tensors) AssignByScale(name);
    for (const std::string& name : group_.constants) AssignByScale(name);
    if (scales_.empty()) return {group_};
    if (scales_.size() > 1) {
      // Tensors without a scale are as those they got their values from, or else as those they pass them on to.
      for (size_t round = 0; round < group_.tensors.size() && AssignByNeighbours(); ++round) continue;
    }
    std::vector<ActivationGroup> groups(scales_.size());
    for (size_t i = 0; i < groups.size(); ++i) groups[i].bits = std::max(group_.bits, scales_[i]->bits);
    for (const std::string& name : group_.tensors) groups[Of(name)].tensors.push_back(name);
    for (const std::string& name : group_.constants) groups[Of(name)].constants.push_back(name);
    return groups;
  }

 private:
  void AssignByScale(const std::string& name) {
    const auto found = imported_.activations.find(name);
    if (found == imported_.activations.end()) return;
    const auto known = std::find_if(scales_.begin(), scales_.end(),
                                    [&](const ImportedActivation* scale) { return AreEqual(*scale, found->second); });
    assigned_[name] = static_cast<size_t>(known - scales_.begin());
    if (known == scales_.end()) scales_.push_back(&found->second);
  }

  bool AssignByNeighbours() {
    bool has_changed = false;
    for (const std::string& name : group_.tensors) {
      if (assigned_.contains(name)) continue;
      std::vector<std::string> neighbours;
      if (const onnx::NodeProto* producer = graph_.Producer(name)) {
        neighbours.assign(producer->input().begin(), producer->input().end());
      }
      for (const onnx::NodeProto* reader : graph_.Consumers(name)) {
        neighbours.insert(neighbours.end(), reader->output().begin(), reader->output().end());
      }
      for (const std::string& neighbour : neighbours) {
        const auto found = assigned_.find(neighbour);
        if (found == assigned_.end() || assigned_.contains(name)) continue;
        assigned_[name] = found->second;
        has_changed = true;
      }
    }
    return has_changed;
  }

  size_t Of(const std::string& name) const {
    const auto found = assigned_.find(name);
    return found == assigned_.end() ? 0 : found->second;
  }

  const ImportedQuantization& imported_;
  Graph& graph_;
  const ActivationGroup& group_;
  std::vector<const ImportedActivation*> scales_;
  std::unordered_map<std::string, size_t> assigned_;
};

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
    const ImportedActivation* given = nullptr;
    for (const std::string& name : names) {
      const auto found = imported_.activations.find(name);
      if (found == imported_.activations.end()) continue;
      used_.insert(name);
      if (given == nullptr) given = &found->second;
    }
    if (given == nullptr || given->bits != group.bits) {
      (given == nullptr ? completed_ : other_bits_).push_back(names.front());
      return;
    }
    quantization_.activations[index].scale = given->scale;
    quantization_.activations[index].zero_point = given->zero_point;
    ++taken_groups_;
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
    quantization.bias.clear();
    if (!linear.form.bias.empty()) {
      ASSIGN_OR_RETURN(quantization.bias, FloatValues(*graph_.Initializer(linear.form.bias)));
    }
    ++taken_weights_;
    return absl::OkStatus();
  }

  void NoteUnused() {
    std::vector<std::string> unused;
    for (const auto& [name, activation] : imported_.activations) {
      if (!activation.is_constant && !used_.contains(name)) unused.push_back(name);
    }
    Note(unused, "has a scale that is not needed: it is not quantized itself, as where an activation follows at once");
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

void FitPlan(const ImportedQuantization& imported, Graph& graph, QuantizationPlan& plan,
             std::vector<std::string>& notes) {
  const size_t num_groups = plan.groups.size();
  for (size_t i = 0; i < num_groups; ++i) {
    std::vector<ActivationGroup> groups = GroupSplitter(imported, graph, plan.groups[i]).Split();
    plan.groups[i] = groups.front();
    if (groups.size() == 1) continue;
    std::vector<std::string> firsts;
    firsts.reserve(groups.size());
    for (const ActivationGroup& group : groups) {
      firsts.push_back(group.tensors.empty() ? group.constants.front() : group.tensors.front());
    }
    notes.push_back(absl::StrCat(kPrefix, List(firsts), " have different scales although values only move between ",
                                 "them; each keeps its own, so the operators in between have to round anew"));
    plan.groups.insert(plan.groups.end(), groups.begin() + 1, groups.end());
  }
  std::unordered_map<std::string, int> group_of;
  for (size_t i = 0; i < plan.groups.size(); ++i) {
    for (const std::string& tensor : plan.groups[i].tensors) group_of[tensor] = static_cast<int>(i);
    for (const std::string& constant : plan.groups[i].constants) group_of[constant] = static_cast<int>(i);
  }
  for (LinearNode& linear : plan.linear_nodes) {
    const auto found = group_of.find(linear.node->input(0));
    if (found != group_of.end()) linear.input_group = found->second;
  }
}

absl::Status TakeImported(const ImportedQuantization& imported, const QuantizationPlan& plan, Graph& graph,
                          Quantization& quantization, std::vector<std::string>& notes) {
  return Taker(imported, plan, graph, quantization, notes).Run();
}

}  // namespace joinery::compiler
