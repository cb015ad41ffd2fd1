// What a build needs: found, checked as far as that goes without ONNX, and described for the server.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/blob_source.h"
#include "client/progress.h"
#include "client/session.h"
#include "compiler/configuration/configuration.h"

namespace joinery::client {

// As given on the command line.
struct BuildArguments {
  std::string model;
  std::string config;
  std::string calibration;  // A folder or a .tar; empty: what the configuration says.
  std::vector<std::string> input_shapes;
  // What of the algorithms the command line says; it beats the configuration.
  compiler::QuantizationOverrides quantization;
  v1::Device device = v1::DEVICE_UNSPECIFIED;
  // Also have the vendor's tool, whose dialect the configuration has, make its binary.
  bool vendor_binary = false;
};

struct BuildInputs {
  std::unique_ptr<BlobSource> model;
  std::unique_ptr<BlobSource> calibration;
  v1::BuildSpec spec;  // Without digests, until UploadBuildInputs.
};

// Errors of files have Origin::kLocalIo; kInvalidArgument "FILE:LINE:COLUMN: ..." for a configuration with a mistake.
absl::StatusOr<BuildInputs> OpenBuildInputs(const BuildArguments& arguments);

// Hashes both, sends what the server does not have, and fills in the digests. Tells through `progress` what it does and
// what was there already.
absl::Status UploadBuildInputs(BuildInputs& inputs, Session& session, const Interruption& interruption,
                               ProgressDisplay& progress);

// The same for one file, which `blob` then describes.
absl::Status UploadOne(const BlobSource& source, v1::BlobRef& blob, Session& session, const Interruption& interruption,
                       ProgressDisplay& progress);

// kInvalidArgument if `shape` is not like "NAME:1x3x224x224" or "1x3x224x224".
absl::Status CheckShape(const std::string& shape);

// The last part of `path`: what people call the file.
std::string BaseName(const std::string& path);

// What the path in `text`, a configuration read from the file `path`, means for calibration: relative paths begin at
// the configuration's folder, those of `pulsar2 build` at the current one where something is there. kInvalidArgument if
// it cannot be parsed or names no calibration set.
absl::StatusOr<std::string> CalibrationPath(const std::string& text, const std::string& path);

}  // namespace joinery::client
