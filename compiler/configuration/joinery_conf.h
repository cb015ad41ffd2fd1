// joinery_conf, the block of Joinery's own settings, which both dialects have: what it says, and writing it in full.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar.pb.h"

namespace joinery::compiler {

// What of the preset `conf` asks for and its switches becomes, complete. Layers are those of conf.layer_configs.
// Errors: kInvalidArgument, beginning "joinery_conf.FIELD: ", for a number out of its range or a malformed pattern.
absl::StatusOr<v1::Quantization> TranslateQuantization(const v1::pulsar::JoineryConf& conf);

// Sets image_fit, percentile and range_method of `calibration`. A range method it has already, which the dialect's own
// field gave, stays unless conf says another; with neither it is MSE. Errors as above.
absl::Status TranslateRanges(const v1::pulsar::JoineryConf& conf, v1::Calibration& calibration);

// Writes everything `configuration` says into `conf`, except for the layers, which stay as they are.
void WriteJoineryConf(const v1::BuildConfiguration& configuration, v1::pulsar::JoineryConf& conf);

}  // namespace joinery::compiler
