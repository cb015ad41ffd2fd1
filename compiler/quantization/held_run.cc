#include "compiler/quantization/held_run.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "compiler/calibration/run_samples.h"

namespace joinery::compiler {

HeldRun::HeldRun(const onnx::ModelProto& model, int threads)
    : graph_(std::make_unique<Graph>(model)), threads_(threads) {
  for (const onnx::NodeProto* node : graph_->nodes()) {
    for (const std::string& output : node->output()) place_of_.emplace(output, nodes_.size());
    nodes_.push_back(node);
  }
  FindLastReaders();
}
