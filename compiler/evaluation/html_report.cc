#include "compiler/evaluation/html_report.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/digest.h"
#include "compiler/evaluation/html_plots.h"
#include "compiler/evaluation/html_text.h"
#include "compiler/evaluation/print_layers.h"
#include "compiler/target/print_cost.h"

namespace joinery::compiler {
namespace {

constexpr char kStyle[] = R"(
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5b6475; --page: #ffffff; --line: #d5dae3; --panel: #f5f7fa;
  --injected: #c2410c; --inherited: #64748b; --held: #bfdbfe; --observed: #1d4ed8; --link: #1d4ed8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ef; --soft: #a3adbd; --page: #14171d; --line: #384150; --panel: #1d222b; --injected: #fb923c;
    --inherited: #94a3b8; --held: #1e3a5f; --observed: #93c5fd; --link: #93c5fd; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
a { color: var(--link); } p.note { color: var(--soft); }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; } .skip:focus { left: 1rem; background: var(--page); padding: .5rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .5rem; }
dl div { background: var(--panel); border: 1px solid var(--line); border-radius: .4rem; padding: .5rem .75rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.15rem; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; } svg { display: block; max-width: none; }
table { border-collapse: collapse; font-size: .9rem; } caption { text-align: left; color: var(--soft); }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: right; white-space: nowrap; }
th.name, td.name { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 14rem; font-weight: 400; }
thead th { position: sticky; top: 0; background: var(--panel); font-weight: 600; }
th button { all: unset; cursor: pointer; font: inherit; } th button:focus-visible { outline: 3px solid var(--link); }
th[aria-sort=ascending] button::after { content: " \25B2"; } th[aria-sort=descending] button::after { content: " \25BC"; }
ol.advice li { margin-bottom: .6rem; } code { overflow-wrap: anywhere; }
text { fill: var(--ink); font: 11px system-ui, sans-serif; unicode-bidi: isolate; } text.axis { fill: var(--soft); }
.grid { stroke: var(--line); } .injected { fill: var(--injected); } .inherited { fill: var(--inherited); }
.held { fill: var(--held); } .observed { fill: var(--observed); }
.curve { fill: none; stroke: var(--injected); stroke-width: 2; }
.key { display: inline-block; width: .9em; height: .9em; border-radius: .2em; }
.key.injected { background: var(--injected); } .key.inherited { background: var(--inherited); }
.key.held { background: var(--held); } .key.observed { background: var(--observed); }
@media print { .scroll { overflow: visible; } }
)";

// Makes the headers of sortable tables buttons. Without it the tables are as they were written: by contribution.
constexpr char kScript[] = R"(
for (const table of document.querySelectorAll('table.sortable')) {
  const headers = [...table.tHead.rows[0].cells];
  headers.forEach((header, column) => {
    const button = document.createElement('button');
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener('click', () => {
      const ascending = header.getAttribute('aria-sort') === 'descending';
      headers.forEach(other => other.removeAttribute('aria-sort'));
      header.setAttribute('aria-sort', ascending ? 'ascending' : 'descending');
      const value = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const compare = (a, b) => isNaN(value(a)) || isNaN(value(b))
        ? value(b).localeCompare(value(a)) : value(b) - value(a);
      const rows = [...table.tBodies[0].rows].sort(compare);
      if (ascending) rows.reverse();
      table.tBodies[0].append(...rows);
    });
  });
}
)";

struct Column {
  std::string title;
  bool is_name = false;
};

struct Cell {
  std::string text;
  // What it is sorted by; empty: the text.
  std::string value;
};

Cell NumberCell(double value) { return {FormatNumber(value), absl::StrFormat("%.9g", value)}; }
Cell PercentCell(double share) { return {FormatPercent(share), absl::StrFormat("%.9g", share)}; }

std::string Table(const std::string& caption, const std::vector<Column>& columns,
                  const std::vector<std::vector<Cell>>& rows, bool is_sortable) {
  std::string html = absl::StrCat("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"",
                                  EscapeHtml(caption), "\"><table", is_sortable ? " class=\"sortable\"" : "",
                                  "><caption>", EscapeHtml(caption), "</caption><thead><tr>");
  for (const Column& column : columns) {
    absl::StrAppend(&html, "<th scope=\"col\"", column.is_name ? " class=\"name\"" : "", ">", EscapeHtml(column.title),
                    "</th>");
  }
  absl::StrAppend(&html, "</tr></thead><tbody>\n");
  for (const std::vector<Cell>& row : rows) {
    absl::StrAppend(&html, "<tr>");
    for (size_t i = 0; i < row.size(); ++i) {
      // The first column says what the row is about.
      const std::string tag = i == 0 ? "th scope=\"row\"" : "td";
      absl::StrAppend(&html, "<", tag, columns[i].is_name ? " class=\"name\"" : "");
      if (!row[i].value.empty()) absl::StrAppend(&html, " data-value=\"", EscapeHtml(row[i].value), "\"");
      absl::StrAppend(&html, ">", EscapeHtml(row[i].text), i == 0 ? "</th>" : "</td>");
    }
    absl::StrAppend(&html, "</tr>\n");
  }
  return absl::StrCat(html, "</tbody></table></div>\n");
}

std::string Heading(const std::string& text) { return absl::StrCat("<h2>", EscapeHtml(text), "</h2>\n"); }

std::string Fact(const std::string& term, const std::string& value) {
  return absl::StrCat("<div><dt>", EscapeHtml(term), "</dt><dd>", EscapeHtml(value), "</dd></div>");
}

std::string Megabytes(int64_t bytes) { return absl::StrFormat("%.2f MB", static_cast<double>(bytes) / 1e6); }

std::string Summary(const v1::Report& report) {
  const v1::Manifest& manifest = report.manifest();
  std::string html = "<dl>";
  if (report.artifact_bytes() > 0) absl::StrAppend(&html, Fact("Size", Megabytes(report.artifact_bytes())));
  if (report.model_bytes() > 0) absl::StrAppend(&html, Fact("Float model", Megabytes(report.model_bytes())));
  double seconds = 0;
  for (const v1::StageTime& stage : report.stages()) seconds += stage.seconds();
  if (seconds > 0) absl::StrAppend(&html, Fact("Time", absl::StrFormat("%.2f s", seconds)));
  if (report.peak_memory_bytes() > 0) absl::StrAppend(&html, Fact("Memory", Megabytes(report.peak_memory_bytes())));
  if (manifest.calibration_set().samples() > 0) {
    absl::StrAppend(&html, Fact("Calibration samples", absl::StrCat(manifest.calibration_set().samples())));
  }
  if (!manifest.configuration().target().hardware().empty()) {
    absl::StrAppend(&html, Fact("Target", manifest.configuration().target().hardware()));
  }
  if (!manifest.tool_version().empty()) absl::StrAppend(&html, Fact("Joinery", manifest.tool_version()));
  absl::StrAppend(&html, "</dl>\n");

  std::vector<std::vector<Cell>> rows;
  for (const v1::OutputPrecision& output : manifest.precision().outputs()) {
    rows.push_back({{output.name(), ""},
                    {absl::StrFormat("%.5f", output.cosine_mean()), ""},
                    {absl::StrFormat("%.5f", output.cosine_min()), ""},
                    {absl::StrFormat("%.2f dB", output.sqnr_db()), ""},
                    PercentCell(output.relative_error())});
  }
  if (!rows.empty()) {
    absl::StrAppend(&html, Table(absl::StrFormat("Outputs compared with the float model on %d samples",
                                                 manifest.precision().samples()),
                                 {{"Output", true}, {"Cosine"}, {"Least cosine"}, {"SQNR"}, {"Relative error"}}, rows,
                                 /*is_sortable=*/false));
  }
  return html;
}

std::string AdviceList(const v1::Precision& precision) {
  if (precision.layers().empty() && precision.advice().empty()) return "";
  std::string html = Heading("Advice");
  if (precision.advice().empty()) return absl::StrCat(html, "<p>Nothing stands out.</p>\n");
  absl::StrAppend(&html, "<ol class=\"advice\">\n");
  for (const v1::Advice& advice : precision.advice()) {
    absl::StrAppend(&html, "<li>", EscapeHtml(advice.finding()), "<br><code>", EscapeHtml(advice.action()),
                    "</code></li>\n");
  }
  return absl::StrCat(html, "</ol>\n");
}

std::string LayerTable(const v1::Precision& precision) {
  const bool is_measured = precision.contribution_method() == v1::CONTRIBUTION_METHOD_MEASURED;
  std::vector<Column> columns = {{"Layer", true}, {"Operator"},   {"Share"},     {"SQNR dB"}, {"Cosine"},
                                 {"Error"},       {"Injected"},   {"Inherited"}, {"Cut off"}, {"Bits"},
                                 {"Scale"},       {"Zero point"}, {"Channels"},  {"Weights"}, {"Tensor", true}};
  if (is_measured) columns.push_back({"Alone dB"});
  std::vector<std::vector<Cell>> rows;
  for (const v1::LayerPrecision* layer : RankLayers(precision)) {
    rows.push_back({{layer->name(), ""},
                    {layer->op_type(), ""},
                    PercentCell(layer->contribution()),
                    NumberCell(layer->sqnr_db()),
                    {absl::StrFormat("%.5f", layer->cosine()), ""},
                    PercentCell(layer->relative_error()),
                    PercentCell(layer->injected_error()),
                    PercentCell(layer->inherited_error()),
                    PercentCell(layer->saturation()),
                    {layer->bits() == 0 ? "float" : absl::StrCat(layer->bits()), absl::StrCat(layer->bits())},
                    NumberCell(layer->scale()),
                    {absl::StrCat(layer->zero_point()), ""},
                    NumberCell(layer->channel_spread()),
                    NumberCell(layer->weight_spread()),
                    {layer->tensor(), ""}});
    if (!is_measured) continue;
    rows.back().push_back(layer->has_alone_sqnr_db() ? NumberCell(layer->alone_sqnr_db()) : Cell{"–", "-1000"});
  }
  return Table("Layers by their share of the outputs' error", columns, rows, /*is_sortable=*/true);
}

std::string Layers(const v1::Precision& precision) {
  if (precision.layers().empty()) return "";
  const bool is_measured = precision.contribution_method() == v1::CONTRIBUTION_METHOD_MEASURED;
  return absl::StrCat(
      Heading("Where the error comes from"),
      "<p><span class=\"key injected\"></span> injected by the layer&#39;s own quantization &nbsp; "
      "<span class=\"key inherited\"></span> inherited from the layers before it. Both relative to the float tensor, "
      "in "
      "the order of the graph.</p>\n",
      PlotLayerErrors(precision), Heading("Layers"), "<p class=\"note\">",
      is_measured
          ? "The share of the outputs&#39; error was measured: the model ran once for each layer with only that "
            "layer quantized; &quot;alone&quot; is the outputs&#39; SQNR then."
          : "The share of the outputs&#39; error is an estimate: the error traced back through the graph, divided "
            "at each layer between what it injects and what it inherits. <code>--analysis full</code> measures it.",
      absl::StrFormat(" Figures are from %d samples. &quot;Channels&quot; and &quot;Weights&quot;: how many times the "
                      "median the largest channel spans.</p>\n",
                      precision.layer_samples()),
      LayerTable(precision), Heading("Ranges"),
      "<p><span class=\"key held\"></span> what the number format holds &nbsp; <span class=\"key observed\"></span> "
      "what "
      "the float values reach. What stands out is cut off.</p>\n",
      PlotRanges(precision));
}

std::string Gains(const v1::Precision& precision) {
  if (precision.gains().empty()) return "";
  std::vector<std::vector<Cell>> rows;
  for (const v1::AlgorithmGain& gain : precision.gains()) {
    rows.push_back({{gain.name(), ""},
                    {gain.metric(), ""},
                    NumberCell(gain.before()),
                    NumberCell(gain.after()),
                    {absl::StrFormat("%+.3g", gain.after() - gain.before()), ""}});
  }
  return absl::StrCat(Heading("What each algorithm gained"),
                      Table("Before and after each algorithm",
                            {{"Algorithm", true}, {"Figure"}, {"Before"}, {"After"}, {"Gain"}}, rows, false));
}

std::string TradeOff(const v1::Precision& precision) {
  if (precision.trade_off().empty()) return "";
  std::vector<std::vector<Cell>> rows;
  for (const v1::TradeOffPoint& point : precision.trade_off()) {
    rows.push_back({{point.layer().empty() ? "all layers in 8 bits" : point.layer(), ""},
                    PercentCell(point.share_16_bit()),
                    {absl::StrFormat("%.5f", point.cosine()), ""},
                    NumberCell(point.sqnr_db())});
  }
  return absl::StrCat(Heading("Layers in 16 bits"), PlotTradeOff(precision),
                      Table("Each step gives one more layer 16 bits",
                            {{"Layer", true}, {"Multiplications in 16 bits"}, {"Cosine"}, {"SQNR dB"}}, rows, false));
}

std::string TensorList(const google::protobuf::RepeatedPtrField<v1::TensorInfo>& tensors) {
  return absl::StrJoin(tensors, ", ", [](std::string* out, const v1::TensorInfo& tensor) {
    absl::StrAppend(out, tensor.name(), " (", absl::StrJoin(tensor.shape(), "x"), " ", tensor.element_type(), ")");
  });
}

std::string Parts(const v1::Manifest& manifest) {
  if (manifest.parts().empty() || manifest.parts(0).device().empty()) return "";
  std::vector<std::vector<Cell>> rows;
  for (const v1::Part& part : manifest.parts()) {
    rows.push_back({{part.name(), ""},
                    {part.device(), ""},
                    NumberCell(part.nodes()),
                    {TensorList(part.inputs()), ""},
                    {TensorList(part.outputs()), ""},
                    {absl::StrFormat("%.3f ms", 1e3 * part.estimated_seconds()),
                     absl::StrFormat("%.9g", part.estimated_seconds())}});
  }
  return absl::StrCat(
      Heading("Parts"),
      Table("What runs where, in this order; times are estimates",
            {{"Part", true}, {"Device"}, {"Nodes"}, {"Takes", true}, {"Gives", true}, {"Time"}}, rows, false));
}

std::string FloatNodes(const v1::Manifest& manifest) {
  if (manifest.float_nodes().empty()) return "";
  std::vector<std::vector<Cell>> rows;
  for (const v1::FloatNode& node : manifest.float_nodes()) {
    rows.push_back({{node.name(), ""}, {node.op_type(), ""}, {node.reason(), ""}});
  }
  return absl::StrCat(
      Heading("What stays float"),
      Table("Nodes that are not quantized", {{"Node", true}, {"Operator"}, {"Reason", true}}, rows, false));
}

std::string Modes(const v1::Cost& cost) {
  if (cost.modes_size() < 2) return "";
  std::vector<std::vector<Cell>> rows;
  for (const v1::ModeCost& mode : cost.modes()) {
    rows.push_back({{mode.mode(), ""},
                    {absl::StrFormat("%.3f ms", mode.latency_ms()), ""},
                    {mode.shares_with_isp() ? "yes" : "no", ""}});
  }
  return Table("What sharing the NPU costs", {{"Mode", true}, {"Latency"}, {"Shared with the ISP"}}, rows, false);
}

std::string CostLayers(const v1::Cost& cost) {
  std::vector<std::vector<Cell>> rows;
  for (const v1::LayerCost& layer : cost.layers()) {
    if (layer.time_us() == 0) continue;
    rows.push_back({{layer.name(), ""},
                    {layer.op_type(), ""},
                    NumberCell(layer.time_us()),
                    PercentCell(cost.latency_ms() > 0 ? layer.time_us() / 1e3 / cost.latency_ms() : 0),
                    {FormatBound(layer.bound()), ""},
                    NumberCell(static_cast<double>(layer.operations()) / 1e6),
                    NumberCell(static_cast<double>(layer.dram_bytes()) / 1e3)});
  }
  if (rows.empty()) return "";
  return Table(
      "Layers in the order in which they are computed",
      {{"Layer", true}, {"Operator"}, {"Microseconds"}, {"Share"}, {"Bound by"}, {"10^6 operations"}, {"DRAM kB"}},
      rows, /*is_sortable=*/true);
}

std::string CostSection(const v1::Manifest& manifest) {
  if (!manifest.has_cost()) return "";
  const v1::Cost& cost = manifest.cost();
  std::string html = absl::StrCat(
      Heading(absl::StrCat("Time and memory on ", cost.target(), ", mode ", cost.mode())),
      "<p class=\"note\">An estimate from the shapes of the layers, not a measurement: ",
      EscapeHtml(FormatCostError(cost)), ".</p>\n<dl>", Fact("Latency", absl::StrFormat("%.3f ms", cost.latency_ms())),
      Fact("Operations", absl::StrFormat("%.3f billion", static_cast<double>(cost.operations()) / 1e9)),
      Fact("Approximate memory", Megabytes(cost.memory_bytes())),
      Fact("DRAM traffic", Megabytes(cost.dram_traffic_bytes())), "</dl>\n");
  if (cost.findings_size() > 0) {
    absl::StrAppend(&html, "<ul>\n");
    for (const std::string& finding : cost.findings()) absl::StrAppend(&html, "<li>", EscapeHtml(finding), "</li>\n");
    absl::StrAppend(&html, "</ul>\n");
  }
  return absl::StrCat(html, Modes(cost), CostLayers(cost));
}

std::string Warnings(const v1::Report& report) {
  if (report.warnings().empty()) return "";
  std::string html = absl::StrCat(Heading("Warnings"), "<ul>\n");
  for (const std::string& warning : report.warnings()) absl::StrAppend(&html, "<li>", EscapeHtml(warning), "</li>\n");
  return absl::StrCat(html, "</ul>\n");
}

std::string Stages(const v1::Report& report) {
  if (report.stages().empty()) return "";
  std::vector<std::vector<Cell>> rows;
  for (const v1::StageTime& stage : report.stages()) {
    rows.push_back({{stage.stage(), ""}, {absl::StrFormat("%.3f s", stage.seconds()), ""}});
  }
  return absl::StrCat(Heading("Time"), Table("Seconds for each stage", {{"Stage", true}, {"Time"}}, rows, false));
}

// Allows exactly the script above and nothing from anywhere: should an escape ever be missing, it still does nothing.
std::string ContentPolicy() {
  const std::string digest = absl::Base64Escape(absl::HexStringToBytes(base::Sha256(kScript)));
  return absl::StrCat("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-", digest,
                      "'; base-uri 'none'; form-action 'none'");
}

}  // namespace

std::string FormatHtmlReport(const v1::Report& report) {
  const v1::Precision& precision = report.manifest().precision();
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"",
      ContentPolicy(),
      "\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>Joinery precision report</title>\n<style>",
      kStyle,
      "</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#report\">Skip to the report</a>\n<main id=\"report\">\n"
      "<h1>Precision report</h1>\n",
      Summary(report), Warnings(report), AdviceList(precision), Layers(precision), Gains(precision),
      TradeOff(precision), Parts(report.manifest()), FloatNodes(report.manifest()), CostSection(report.manifest()),
      Stages(report), "</main>\n<script>", kScript, "</script>\n</body>\n</html>\n");
}

}  // namespace joinery::compiler
