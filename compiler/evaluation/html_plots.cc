#include "compiler/evaluation/html_plots.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/evaluation/html_text.h"

namespace joinery::compiler {
namespace {

// In units of the drawing, about pixels on a large screen.
constexpr int kWidth = 760;
constexpr int kLabelEnd = 270;
constexpr int kBarBegin = 280;
constexpr int kBarEnd = 660;
constexpr int kRow = 22;
constexpr int kTop = 24;
constexpr size_t kLabelBytes = 42;
// Rows of a plot: more would be a page that nobody scrolls through; the table has them all.
constexpr int kMostRows = 400;
// The error bars' scale reaches from 0.01 % to 100 %.
constexpr double kLeastError = 1e-4;

std::string Open(int height, const std::string& label) {
  return absl::StrFormat(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">"
      "<svg viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%s\">\n",
      label, kWidth, height, kWidth, height, label);
}

std::string Text(int x, int y, const std::string& classes, const std::string& anchor, const std::string& text) {
  return absl::StrFormat("<text x=\"%d\" y=\"%d\" class=\"%s\" text-anchor=\"%s\">%s</text>", x, y, classes, anchor,
                         EscapeHtml(text));
}

std::string Bar(double x, double y, double width, double height, const std::string& classes) {
  return absl::StrFormat("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>", x, y,
                         std::max(width, 1.0), height, classes);
}

std::string VerticalLine(double x, double from, double to) {
  return absl::StrFormat("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"grid\"/>", x, from, x, to);
}

// Where an error is on the logarithmic scale.
double ErrorPosition(double error) {
  const double decades = std::log10(std::clamp(error, kLeastError, 1.0) / kLeastError) / -std::log10(kLeastError);
  return kBarBegin + decades * (kBarEnd - kBarBegin);
}

std::string LeftOut(int layers) {
  if (layers <= kMostRows) return "";
  return absl::StrFormat("<p>The plot shows the first %d of %d layers; the table has them all.</p>\n", kMostRows,
                         layers);
}

std::string RowLabel(const v1::LayerPrecision& layer, int y) {
  return Text(kLabelEnd, y + 14, "label", "end", Shorten(layer.name(), kLabelBytes));
}

}  // namespace

std::string PlotLayerErrors(const v1::Precision& precision) {
  const int rows = std::min(precision.layers_size(), kMostRows);
  const int height = kTop + rows * kRow + 4;
  std::string svg = Open(height, "Relative error of each layer, injected and inherited, on a logarithmic scale");
  for (const double error : {1e-4, 1e-3, 1e-2, 1e-1, 1.0}) {
    const double x = ErrorPosition(error);
    absl::StrAppend(&svg, VerticalLine(x, kTop - 6, height),
                    Text(static_cast<int>(x), kTop - 10, "axis", "middle", FormatPercent(error)));
  }
  absl::StrAppend(&svg, Text(kWidth - 4, kTop - 10, "axis", "end", "SQNR"), "\n");
  for (int i = 0; i < rows; ++i) {
    const v1::LayerPrecision& layer = precision.layers(i);
    const int y = kTop + i * kRow;
    absl::StrAppend(&svg, "<g><title>",
                    EscapeHtml(absl::StrCat(layer.name(), ": injects ", FormatPercent(layer.injected_error()),
                                            ", inherits ", FormatPercent(layer.inherited_error()), ", SQNR ",
                                            FormatNumber(layer.sqnr_db()), " dB")),
                    "</title>", RowLabel(layer, y),
                    Bar(kBarBegin, y + 3, ErrorPosition(layer.injected_error()) - kBarBegin, 7, "injected"),
                    Bar(kBarBegin, y + 11, ErrorPosition(layer.inherited_error()) - kBarBegin, 7, "inherited"),
                    Text(kWidth - 4, y + 14, "value", "end", absl::StrFormat("%.1f dB", layer.sqnr_db())), "</g>\n");
  }
  absl::StrAppend(&svg, "</svg></div>\n", LeftOut(precision.layers_size()));
  return svg;
}

std::string PlotRanges(const v1::Precision& precision) {
  std::string rows;
  int count = 0;
  int quantized = 0;
  for (const v1::LayerPrecision& layer : precision.layers()) {
    if (layer.bits() == 0 || layer.range_max() <= layer.range_min()) continue;
    if (++quantized > kMostRows) continue;
    const int y = 4 + count++ * kRow;
    const double low = std::min(layer.range_min(), layer.observed_min());
    const double high = std::max(layer.range_max(), layer.observed_max());
    const double unit = (kBarEnd - kBarBegin) / (high - low);
    const auto x = [&](double value) { return kBarBegin + (value - low) * unit; };
    absl::StrAppend(
        &rows, "<g><title>",
        EscapeHtml(absl::StrCat(layer.name(), ": values reach from ", FormatNumber(layer.observed_min()), " to ",
                                FormatNumber(layer.observed_max()), ", the format holds ",
                                FormatNumber(layer.range_min()), " to ", FormatNumber(layer.range_max()))),
        "</title>", RowLabel(layer, y),
        Bar(x(layer.range_min()), y + 2, (layer.range_max() - layer.range_min()) * unit, 18, "held"),
        Bar(x(layer.observed_min()), y + 7, (layer.observed_max() - layer.observed_min()) * unit, 8, "observed"),
        Text(kWidth - 4, y + 14, "value", "end",
             absl::StrCat(FormatNumber(layer.range_min()), " … ", FormatNumber(layer.range_max()))),
        "</g>\n");
  }
  return absl::StrCat(Open(8 + count * kRow, "Range of the values of each layer within the range of its number format"),
                      rows, "</svg></div>\n", LeftOut(quantized));
}

std::string PlotTradeOff(const v1::Precision& precision) {
  constexpr int kHeight = 260;
  constexpr int kLeft = 60;
  constexpr int kBottom = 220;
  float least = precision.trade_off(0).sqnr_db();
  float most = least;
  float widest = 0;
  for (const v1::TradeOffPoint& point : precision.trade_off()) {
    least = std::min(least, point.sqnr_db());
    most = std::max(most, point.sqnr_db());
    widest = std::max(widest, point.share_16_bit());
  }
  const double unit_x = widest > 0 ? (kWidth - kLeft - 20) / static_cast<double>(widest) : 0;
  const double unit_y = most > least ? (kBottom - 20) / (static_cast<double>(most) - least) : 0;
  std::string svg = Open(kHeight, "SQNR over the share of multiplications in 16 bits");
  std::string points;
  for (const v1::TradeOffPoint& point : precision.trade_off()) {
    const double x = kLeft + point.share_16_bit() * unit_x;
    const double y = kBottom - (point.sqnr_db() - least) * unit_y;
    absl::StrAppendFormat(&points, "%.1f,%.1f ", x, y);
    absl::StrAppendFormat(
        &svg, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" class=\"injected\"><title>%s</title></circle>\n", x, y,
        EscapeHtml(absl::StrCat(FormatPercent(point.share_16_bit()), " in 16 bits: ", FormatNumber(point.sqnr_db()),
                                " dB; ", point.layer())));
  }
  absl::StrAppend(&svg, "<polyline class=\"curve\" points=\"", points, "\"/>\n",
                  Text(kLeft - 8, 24, "axis", "end", absl::StrFormat("%.1f dB", most)),
                  Text(kLeft - 8, kBottom + 4, "axis", "end", absl::StrFormat("%.1f dB", least)),
                  Text(kLeft, kBottom + 26, "axis", "middle", "0 %"),
                  Text(kWidth - 20, kBottom + 26, "axis", "end", absl::StrCat(FormatPercent(widest), " in 16 bits")),
                  "</svg></div>\n");
  return svg;
}

}  // namespace joinery::compiler
