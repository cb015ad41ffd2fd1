// The compiler: a float ONNX model and a calibration set become a `.joint` and a report.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/configuration/configuration.h"
#include "compiler/execution/device.h"
#include "joinery/v1/jobs.pb.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

struct BuildArguments {
  std::string model_path;
  // A folder, or an archive.
  std::string calibration_path;
  // Where each input has a set of its own: the input's name, and its folder or archive. Instead of calibration_path.
  std::vector<std::pair<std::string, std::string>> input_calibration;
  std::string output_path;
  // Not written if empty.
  std::string report_path;
  // The same as a web page. Not written if empty.
  std::string html_report_path;
  // Where the complete configuration that was used goes. Not written if empty.
  std::string output_configuration_path;
  Configuration configuration;
  // Chips, with the mode of their NPU, to build for in place of the configuration's. Of several each has its own
  // artifact and reports, called as PathForTarget says; the calibration set is run through the network once for all.
  std::vector<v1::Target> targets;
  // Shapes for inputs that have dynamic ones: "NAME:1x3x224x224", or "1x3x224x224" for the only input.
  std::vector<std::string> input_shapes;
  int threads = 1;
  // Where networks run while they are observed and compared; null: on the CPU. After a build, ask its fault(): what was
  // made is to be dropped if there was one.
  Device* device = nullptr;
  // Measure what each layer contributes to the error of the outputs instead of estimating it: a forward pass for each.
  bool measure_contributions = false;
};

// Hears how a build goes. Calls come one at a time, from any thread.
class BuildListener {
 public:
  virtual ~BuildListener() = default;
  virtual void OnProgress(const v1::Progress& progress) = 0;
  virtual void OnLog(v1::LogLevel level, absl::string_view text) = 0;
};

// The path of what is made for one of several targets: "m.AX630C.NPU1.joint" for "m.joint".
std::string PathForTarget(const std::string& path, const v1::Target& target);

// Builds for every target, and writes the files that `arguments` names; none of them unless all went well. One report
// for each target. Targets whose parts are the same share all work; others share calibration and are quantized each for
// itself. An artifact is the same, to the byte, as if it had been built alone.
// Errors: as Build.
absl::StatusOr<std::vector<v1::Report>> BuildForTargets(const BuildArguments& arguments, BuildListener& listener);

// The same for one target. Builds, and writes the files that `arguments` names; none of them unless all went well.
// Errors carry a joinery.v1.Failure (see failure.h): a reason, and the node, file or line at fault.
absl::StatusOr<v1::Report> Build(const BuildArguments& arguments, BuildListener& listener);

}  // namespace joinery::compiler
