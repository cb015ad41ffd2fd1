#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "compiler/target/layer_shapes.h"

namespace joinery::compiler {
namespace {

constexpr absl::string_view kHead = "name\top\tactivation\tinputs\toutput\tweights\tkernel\tgroup\tbits\tweight_bits";
constexpr size_t kColumns = 10;

std::string OrDash(std::string text) { return text.empty() ? "-" : text; }

std::string DashForNothing(absl::string_view text) { return text == "-" ? "" : std::string(text); }

std::string Write(const Dimensions& dimensions) { return OrDash(absl::StrJoin(dimensions, "x")); }

absl::StatusOr<int64_t> ParseNumber(absl::string_view text) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 0) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no number"));
  }
  return number;
}

absl::StatusOr<Dimensions> ParseDimensions(absl::string_view text) {
  Dimensions dimensions;
  if (text == "-") return dimensions;
  for (const absl::string_view part : absl::StrSplit(text, 'x')) {
    ASSIGN_OR_RETURN(const int64_t dimension, ParseNumber(part));
    dimensions.push_back(dimension);
  }
  return dimensions;
}

absl::StatusOr<LayerShape> ParseLine(absl::string_view line) {
  const std::vector<absl::string_view> cells = absl::StrSplit(line, '\t');
  if (cells.size() != kColumns) {
    return absl::InvalidArgumentError(absl::StrCat(cells.size(), " columns instead of ", kColumns));
  }
  LayerShape layer;
  layer.name = std::string(cells[0]);
  layer.op_type = std::string(cells[1]);
  layer.activation = DashForNothing(cells[2]);
  if (!cells[3].empty()) {
    for (const absl::string_view part : absl::StrSplit(cells[3], ',')) {
      ASSIGN_OR_RETURN(Dimensions input, ParseDimensions(part));
      layer.inputs.push_back(std::move(input));
    }
  }
  ASSIGN_OR_RETURN(layer.output, ParseDimensions(cells[4]));
  ASSIGN_OR_RETURN(layer.weights, ParseDimensions(cells[5]));
  ASSIGN_OR_RETURN(layer.kernel, ParseDimensions(cells[6]));
  ASSIGN_OR_RETURN(layer.group, ParseNumber(cells[7]));
  ASSIGN_OR_RETURN(const int64_t bits, ParseNumber(cells[8]));
  ASSIGN_OR_RETURN(const int64_t weight_bits, ParseNumber(cells[9]));
  layer.bits = static_cast<int>(bits);
  layer.weight_bits = static_cast<int>(weight_bits);
  return layer;
}

}  // namespace

std::string LayerTable(const std::vector<LayerShape>& layers) {
  std::string table = absl::StrCat(kHead, "\n");
  for (const LayerShape& layer : layers) {
    absl::StrAppend(
        &table, layer.name, "\t", layer.op_type, "\t", OrDash(layer.activation), "\t",
        absl::StrJoin(layer.inputs, ",",
                      [](std::string* out, const Dimensions& input) { absl::StrAppend(out, Write(input)); }),
        "\t", Write(layer.output), "\t", Write(layer.weights), "\t", Write(layer.kernel), "\t", layer.group, "\t",
        layer.bits, "\t", layer.weight_bits, "\n");
  }
  return table;
}

absl::StatusOr<std::vector<LayerShape>> ParseLayerTable(absl::string_view text) {
  std::vector<LayerShape> layers;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (number == 1 && line != kHead) return absl::InvalidArgumentError("line 1 is not the head of a table of layers");
    if (number == 1 || line.empty()) continue;
    absl::StatusOr<LayerShape> layer = ParseLine(line);
    if (!layer.ok()) return base::Annotate(layer.status(), absl::StrCat("line ", number));
    layers.push_back(*std::move(layer));
  }
  return layers;
}

}  // namespace joinery::compiler
