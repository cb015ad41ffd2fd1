#include "compiler/evaluation/print_layers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace joinery::compiler {
namespace {

// Names come from models, which anybody may have made.
std::string Printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return text;
}

std::string Percent(double share) { return absl::StrFormat("%.2f %%", 100 * share); }

}  // namespace

std::vector<const v1::LayerPrecision*> RankLayers(const v1::Precision& precision) {
  std::vector<const v1::LayerPrecision*> layers;
  for (const v1::LayerPrecision& layer : precision.layers()) layers.push_back(&layer);
  std::stable_sort(layers.begin(), layers.end(), [](const v1::LayerPrecision* a, const v1::LayerPrecision* b) {
    return a->contribution() > b->contribution();
  });
  return layers;
}

std::string FormatLayers(const v1::Precision& precision, int most) {
  const bool is_measured = precision.contribution_method() == v1::CONTRIBUTION_METHOD_MEASURED;
  std::string text = absl::StrFormat("Layers by their share of the outputs' error (%s, %d samples):\n",
                                     is_measured ? "measured" : "estimated", precision.layer_samples());
  absl::StrAppendFormat(&text, "%8s %9s %9s %9s %9s  %s\n", "SHARE", "SQNR/dB", "INJECTED", "INHERITED", "CUT OFF",
                        "LAYER");
  int shown = 0;
  for (const v1::LayerPrecision* layer : RankLayers(precision)) {
    if (shown++ == most) break;
    absl::StrAppendFormat(&text, "%8s %9.2f %9s %9s %9s  %s (%s)\n", Percent(layer->contribution()), layer->sqnr_db(),
                          Percent(layer->injected_error()), Percent(layer->inherited_error()),
                          Percent(layer->saturation()), Printable(layer->name()), Printable(layer->op_type()));
  }
  for (const v1::Advice& advice : precision.advice()) {
    absl::StrAppend(&text, "advice: ", Printable(advice.finding()), " ", Printable(advice.action()), "\n");
  }
  return text;
}

}  // namespace joinery::compiler
