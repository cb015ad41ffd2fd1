// The stages in which a float network becomes an 8-bit one: what is observed, and what the algorithms make of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "compiler/algorithm_gains.h"
#include "compiler/build.h"
#include "compiler/build_progress.h"
#include "compiler/calibration/feed_source.h"
#include "compiler/calibration/observe.h"
#include "compiler/frontend/import_quantization.h"
#include "compiler/ir/graph.h"
#include "compiler/precision_search.h"
#include "compiler/quantization/channel_class.h"
#include "compiler/quantization/equalize.h"
#include "compiler/quantization/float_layers.h"
#include "compiler/quantization/plan.h"
#include "compiler/quantization/quantization.h"
#include "compiler/quantization/smooth.h"
#include "compiler/target/network_partition.h"
#include "joinery/v1/manifest.pb.h"
#include "onnx/onnx_pb.h"

namespace joinery::compiler {

// So many samples as `limit` allows, all if it is 0.
size_t AtMost(const FeedSource& source, int limit);

// Loads `count` samples that lie evenly in the set, which may be sorted. `source` must outlive the function.
LoadSampleFunction LoadSpread(const FeedSource& source, size_t count);

// Not thread-safe.
class NetworkQuantizer {
 public:
  // All must outlive it.
  //
  //   partitioner    says what the NPU runs; the rest stays float
  //   graph          the simplified network with the deployed inputs; Quantize puts the artifact's in its place
  //   preprocessing  nodes of it that are not part of the network
  //   imported       what the model brought along of scales and quantized weights; usually nothing
  //   report         has the configuration; float nodes and ranges are noted there
  NetworkQuantizer(const BuildArguments& arguments, const FeedSource& source, const ImportedQuantization& imported,
                   const std::vector<const onnx::NodeProto*>& preprocessing, const NetworkPartitioner& partitioner,
                   BuildProgress& progress, v1::Report& report, std::unique_ptr<Graph>& graph)
      : arguments_(arguments),
        source_(source),
        imported_(imported),
        preprocessing_(preprocessing),
        partitioner_(partitioner),
        progress_(progress),
        report_(report),
        graph_(graph) {}

  // Decides what runs where and what becomes 8-bit. Once, first.
  absl::Status Plan();
  // Observes what the networks, which differ in their plans only, need to know: in one pass, if no two ask for the same
  // tensor in different ways. Once, after Plan.
  static absl::Status Calibrate(absl::Span<NetworkQuantizer* const> networks);
  // Once, after Calibrate.
  absl::Status Quantize();

  // Whether `other`, after Plan, will be quantized in the same way. A search for formats may divide networks anew.
  bool IsLike(const NetworkQuantizer& other) const {
    return !MaySearch() && !other.MaySearch() && fitted_ == other.fitted_ && partition_.IsLike(other.partition_);
  }

  // Of the graph after Quantize.
  const QuantizationPlan& plan() const { return plan_; }
  // Which nodes run where. Nodes of the graph say so themselves, if there are parts.
  const NetworkPartition& partition() const { return partition_; }
  // The network before quantization.
  const onnx::ModelProto& float_model() const { return float_model_; }
  // The same with rewritten weights: its tensors are those of the artifact but for rounding.
  const onnx::ModelProto& rewritten_model() const { return rewritten_model_; }
  // Empty unless it was measured.
  std::vector<v1::AlgorithmGain> gains() const {
    return gains_.has_value() ? gains_->gains() : std::vector<v1::AlgorithmGain>();
  }
  // Of the last search for formats.
  const std::vector<v1::TradeOffPoint>& trade_off() const { return trade_off_; }

 private:
  const v1::BuildConfiguration& configuration() const { return report_.manifest().configuration(); }

  absl::Status Observe(const std::vector<ObservedTensor>& tensors, StatisticsOfTensors& statistics) const;
  // Reports how much of `steps` is done.
  ObserveOptions ObserveWithProgress(double steps) const;

  // What the algorithms gain takes several runs of the network to tell, for those who have the time.
  absl::Status StartGains();
  v1::BuildConfiguration WithoutBiasCorrection();
  // The network with its own weights, rounded to nearest.
  absl::Status MeasurePlain(const std::string& algorithm, const v1::BuildConfiguration& configuration);
  absl::Status MeasureRewriting();
  absl::Status MeasureGain(const std::string& algorithm, const Quantization& quantization);
  // Those of 8 bits, rather than choosing them again.
  void KeepScales(const Quantization& quantization, Quantizable& network) const;
  Quantizable Describe(const onnx::ModelProto& model, const ChannelFactors& factors,
                       std::vector<LinearQuantization> linear, const v1::BuildConfiguration& configuration) const;
  absl::Status CorrectBiases(Quantization& quantization);
  // Whether it brings the outputs nearer to the float network's, on samples with odd numbers.
  absl::StatusOr<bool> IsNearer(const Quantization& changed, const Quantization& before) const;
  absl::Status RefineRanges(Quantization& quantization);
  // Whether layers may be given other formats than configured, until the outputs are as exact as asked for.
  bool MaySearch() const;
  absl::Status QuantizeMixed(Quantization base);
  // Adds to `chosen` what reaches the goal.
  absl::Status SearchFormats(const Quantizable& network, const PrecisionGoal& goal, ChosenBits& chosen);
  // Divides the network anew, with what was chosen to be float on the CPU where the NPU has only 8 bits.
  absl::Status DivideAgain(const ChosenBits& chosen, Quantizable& network);
  bool IsChosen(const ChosenBits& chosen, const v1::FloatNode& node) const;
  absl::Status RoundByOutput(Quantization& quantization);
  void NoteFloatNodes();
  // Of the tensors that were observed, as they were.
  void NoteRanges(const Quantization& quantization);

  const BuildArguments& arguments_;
  const FeedSource& source_;
  const ImportedQuantization& imported_;
  const std::vector<const onnx::NodeProto*>& preprocessing_;
  const NetworkPartitioner& partitioner_;
  BuildProgress& progress_;
  v1::Report& report_;
  std::unique_ptr<Graph>& graph_;
  onnx::ModelProto float_model_;
  onnx::ModelProto rewritten_model_;
  std::optional<AlgorithmGains> gains_;
  std::vector<v1::TradeOffPoint> trade_off_;
  QuantizationPlan plan_;
  // What was rewritten for the chip.
  std::vector<Fitted> fitted_;
  NetworkPartition partition_;
  std::vector<ObservedTensor> observed_;
  std::vector<ChannelClass> classes_;
  std::vector<NormalizedTensor> normalized_;
  StatisticsOfTensors statistics_;
  FloatLayers layers_;
};

}  // namespace joinery::compiler
