#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/target/check_rule.h"
#include "compiler/target/node_facts.h"

namespace joinery::compiler {
namespace {

// A node's window, a number for each spatial dimension.
struct Window {
  std::vector<int64_t> kernel;
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads_begin;
  std::vector<int64_t> pads_end;
  std::vector<int64_t> output_padding;
};

std::vector<int64_t> OrElse(std::vector<int64_t> values, size_t size, int64_t otherwise) {
  return values.size() == size ? std::move(values) : std::vector<int64_t>(size, otherwise);
}

Window WindowOf(const onnx::NodeProto& node) {
  Window window;
  window.kernel = IntsAttribute(node, "kernel_shape");
  const size_t size = window.kernel.size();
  window.strides = OrElse(IntsAttribute(node, "strides"), size, 1);
  window.dilations = OrElse(IntsAttribute(node, "dilations"), size, 1);
  window.output_padding = OrElse(IntsAttribute(node, "output_padding"), size, 0);
  const std::vector<int64_t> pads = OrElse(IntsAttribute(node, "pads"), 2 * size, 0);
  window.pads_begin.assign(pads.begin(), pads.begin() + static_cast<ptrdiff_t>(size));
  window.pads_end.assign(pads.begin() + static_cast<ptrdiff_t>(size), pads.end());
  return window;
}

std::string Join(const std::vector<int64_t>& values) { return absl::StrJoin(values, "x"); }

std::string CheckStrides(const Window& window, const v1::WindowLimit& limit) {
  if (limit.strides_size() == 0) return "";
  const std::string strides = Join(window.strides);
  if (std::find(limit.strides().begin(), limit.strides().end(), strides) != limit.strides().end()) return "";
  if (limit.strides_as_kernel() && window.strides == window.kernel) return "";
  return absl::StrCat("strides are ", strides, ", supported are ", absl::StrJoin(limit.strides(), ", "),
                      limit.strides_as_kernel() ? " and those that equal the kernel" : "");
}

std::string CheckKernel(const Window& window, const v1::WindowLimit& limit, int64_t channels) {
  int64_t volume = std::max<int64_t>(channels, 1);
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    volume *= window.kernel[i];
    const int64_t dilated = (window.kernel[i] - 1) * window.dilations[i] + 1;
    if (limit.has_max_dilated_kernel() && dilated > limit.max_dilated_kernel()) {
      return absl::StrCat("the kernel reaches over ", dilated, " with its dilation, supported are at most ",
                          limit.max_dilated_kernel());
    }
  }
  if (!limit.has_max_kernel_volume() || volume <= limit.max_kernel_volume()) return "";
  return absl::StrCat("kernel times input channels is ", volume, ", supported are at most ", limit.max_kernel_volume());
}

std::string CheckPads(const Window& window, const v1::WindowLimit& limit) {
  if (limit.symmetric_pads() && window.pads_begin != window.pads_end) {
    return absl::StrCat("pads differ between begin (", Join(window.pads_begin), ") and end (", Join(window.pads_end),
                        "), only symmetric ones are supported");
  }
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    const int64_t largest = std::max(window.pads_begin[i], window.pads_end[i]);
    if (limit.has_max_pad() && largest > limit.max_pad()) {
      return absl::StrCat("a pad is ", largest, ", supported are at most ", limit.max_pad());
    }
    if (limit.output_padding_within_pads() && window.output_padding[i] > window.pads_end[i]) {
      return absl::StrCat("output_padding is ", Join(window.output_padding), ", supported is at most the pads at the ",
                          "end, ", Join(window.pads_end));
    }
  }
  return "";
}

std::string CheckInput(const std::optional<std::vector<int64_t>>& input, const v1::WindowLimit& limit) {
  if (!input.has_value() || input->size() <= 2) return "";
  if (!limit.has_max_input_width() || input->back() <= limit.max_input_width()) return "";
  return absl::StrCat("the input is ", input->back(), " wide, supported are at most ", limit.max_input_width());
}

}  // namespace

void CheckWindow(Graph& graph, const onnx::NodeProto& node, const v1::OperatorRule& rule,
                 std::vector<Violation>& violations) {
  if (!rule.has_window()) return;
  const v1::WindowLimit& limit = rule.window();
  const Window window = WindowOf(node);
  if (window.kernel.empty()) return;
  const auto input = graph.Shape(TensorAt(node, 0, /*of_output=*/false));
  const int64_t channels =
      input.has_value() && input->size() >= 2 ? (*input)[1] / std::max<int64_t>(Groups(node), 1) : 1;
  for (std::string& wrong : std::vector<std::string>{CheckStrides(window, limit), CheckKernel(window, limit, channels),
                                                     CheckPads(window, limit), CheckInput(input, limit)}) {
    if (!wrong.empty()) violations.push_back({std::move(wrong), limit.change()});
  }
}

}  // namespace joinery::compiler
