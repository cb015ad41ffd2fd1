#include "compiler/frontend/simplify.h"

#include <map>
#include <memory>
#include <utility>

#include "base/status.h"
#include "compiler/frontend/eliminate_identity.h"
#include "compiler/frontend/fold_constants.h"
#include "compiler/frontend/fold_gemm_scale.h"
#include "compiler/frontend/fuse_batch_norm.h"
#include "compiler/frontend/fuse_gelu.h"
#include "compiler/frontend/fuse_hard_sigmoid.h"
#include "compiler/frontend/fuse_hard_swish.h"
#include "compiler/frontend/fuse_layer_norm.h"
#include "compiler/frontend/fuse_matmul_bias.h"
#include "compiler/frontend/fuse_pad.h"
#include "compiler/frontend/fuse_softmax.h"
#include "compiler/frontend/infer_shapes.h"
#include "compiler/frontend/inline_if.h"
#include "compiler/frontend/merge_dimensions.h"
#include "compiler/pass.h"

namespace joinery::compiler {
namespace {

// Every rewrite makes a graph simpler, so an end is certain; this only bounds how long a strange graph may take.
constexpr int kMaxRounds = 50;

std::vector<std::unique_ptr<Pass>> AllPasses() {
  std::vector<std::unique_ptr<Pass>> passes;
  passes.push_back(std::make_unique<FoldConstants>());
  passes.push_back(std::make_unique<InlineIf>());
  passes.push_back(std::make_unique<EliminateIdentity>());
  passes.push_back(std::make_unique<FuseBatchNorm>());
  passes.push_back(std::make_unique<FoldGemmScale>());
  passes.push_back(std::make_unique<FusePad>());
  passes.push_back(std::make_unique<FuseSoftmax>());
  passes.push_back(std::make_unique<FuseGelu>());
  passes.push_back(std::make_unique<FuseHardSigmoid>());
  passes.push_back(std::make_unique<FuseHardSwish>());
  passes.push_back(std::make_unique<FuseLayerNorm>());
  passes.push_back(std::make_unique<FuseMatMulBias>());
  passes.push_back(std::make_unique<MergeDimensions>());
  return passes;
}

using Histogram = std::map<std::string, int>;

Histogram CountOperators(const Graph& graph) {
  Histogram counts;
  for (const onnx::NodeProto& node : graph.proto().node()) ++counts[node.op_type()];
  return counts;
}

void NoteRemoved(const Histogram& before, const Histogram& after, PassReport& report) {
  for (const auto& [op_type, count] : before) {
    const auto left = after.find(op_type);
    const int removed = count - (left == after.end() ? 0 : left->second);
    if (removed > 0) report.removed[op_type] += removed;
  }
}

}  // namespace

absl::StatusOr<std::vector<PassReport>> Simplify(Graph& graph) {
  const std::vector<std::unique_ptr<Pass>> passes = AllPasses();
  std::vector<PassReport> reports;
  reports.reserve(passes.size());
  for (const auto& pass : passes) reports.push_back({std::string(pass->name()), 0});
  for (int round = 0; round < kMaxRounds; ++round) {
    graph.RemoveDeadNodes();
    Histogram operators = CountOperators(graph);
    int rewrites = 0;
    for (size_t i = 0; i < passes.size(); ++i) {
      const absl::StatusOr<int> done = passes[i]->Run(graph);
      if (!done.ok()) return base::Annotate(done.status(), reports[i].pass);
      if (*done == 0) continue;
      RETURN_IF_ERROR(base::Annotate(InferShapes(graph.mutable_model()), "after " + reports[i].pass));
      graph.Invalidate();
      reports[i].rewrites += *done;
      Histogram left = CountOperators(graph);
      NoteRemoved(operators, left, reports[i]);
      operators = std::move(left);
      rewrites += *done;
    }
    if (rewrites == 0) break;
  }
  return reports;
}

}  // namespace joinery::compiler
