// The vendor's programs and their command lines. Source: docs/vendor_backend.md, which tells what is known of them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// A toolchain of the vendor's: a program, or an image of a container that has it.
struct VendorTool {
  // "pulsar" or "pulsar2".
  std::string name;
  // Of the program, absolute; empty if there is an image.
  std::string path = {};
  std::string image = {};
};

// "pulsar2=/opt/pulsar2/bin/pulsar2" or "pulsar2=docker://pulsar2:4.0". Errors: kInvalidArgument.
absl::StatusOr<VendorTool> ParseVendorTool(absl::string_view text);

// Names within the folder that a tool runs in.
inline constexpr char kVendorModel[] = "model.onnx";
inline constexpr char kVendorInput[] = "input";
inline constexpr char kVendorOutput[] = "output";
inline constexpr char kVendorSimulated[] = "simulated";

// What differs between the two tools.
struct VendorDialect {
  std::string configuration_file;
  // In kVendorOutput.
  std::string binary_file;
  std::vector<std::string> version_arguments;
  std::vector<std::string> build_arguments;
  // Of the simulator, for models with these inputs; the files for them are those of VendorInputFile.
  std::vector<std::string> (*simulate_arguments)(const std::vector<std::string>& inputs);
};
// `name` is that of a VendorTool.
const VendorDialect& DialectOf(const std::string& name);

// Where the simulator reads the input `tensor` from, and where it writes the output to; relative to the folder.
std::string VendorInputFile(const std::string& tool, const std::string& tensor);
std::string VendorOutputFile(const std::string& tool, const std::string& tensor);

// The whole command line that runs `tool` with these arguments in `folder`. A container is called `container`, sees
// that folder and no network.
std::vector<std::string> VendorCommand(const VendorTool& tool, const std::vector<std::string>& arguments,
                                       const std::string& folder, const std::string& container);

// What ends such a container, also if its client is gone.
std::vector<std::string> EndContainerCommand(const std::string& container);

}  // namespace joinery::compiler
