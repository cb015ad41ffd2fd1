#include "compiler/vendor/vendor_tool.h"

#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace joinery::compiler {
namespace {

constexpr char kPulsar[] = "pulsar";
constexpr char kPulsar2[] = "pulsar2";

// As both tools name files after tensors: Pulsar2 keeps letters, digits, dashes and underscores only.
std::string FileNameOf(const std::string& tool, const std::string& tensor) {
  std::string name = tensor;
  for (char& c : name) {
    const bool is_kept = absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
    if (tool == kPulsar ? c == '/' : !is_kept) c = '_';
  }
  return name + ".bin";
}

std::vector<std::string> SimulatePulsar(const std::vector<std::string>& inputs) {
  std::vector<std::string> arguments = {"run",
                                        kVendorModel,
                                        "output/compiled.joint",
                                        "--config",
                                        "output/output_config.prototxt",
                                        "--output_gt",
                                        kVendorSimulated,
                                        "--input"};
  for (const std::string& input : inputs) arguments.push_back(VendorInputFile(kPulsar, input));
  arguments.emplace_back("--layer");
  arguments.insert(arguments.end(), inputs.begin(), inputs.end());
  return arguments;
}

std::vector<std::string> SimulatePulsar2(const std::vector<std::string>& /*inputs*/) {
  return {"run",           "--model",      "output/compiled.axmodel", "--input_dir",
          kVendorInput,    "--output_dir", kVendorSimulated,          "--list",
          "input/list.txt"};
}

}  // namespace

absl::StatusOr<VendorTool> ParseVendorTool(absl::string_view text) {
  const size_t equals = text.find('=');
  VendorTool tool;
  tool.name = std::string(text.substr(0, equals));
  absl::string_view place = equals == absl::string_view::npos ? "" : text.substr(equals + 1);
  const bool is_image = absl::ConsumePrefix(&place, "docker://");
  const bool is_known = tool.name == kPulsar || tool.name == kPulsar2;
  // What begins with a dash would pass for an option of docker.
  if (!is_known || place.empty() || absl::StartsWith(place, "-") || (!is_image && !absl::StartsWith(place, "/"))) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text,
                     "\" names no vendor's tool: write pulsar2=/path/to/pulsar2, pulsar=/path/to/pulsar or "
                     "pulsar2=docker://IMAGE"));
  }
  (is_image ? tool.image : tool.path) = std::string(place);
  return tool;
}

const VendorDialect& DialectOf(const std::string& name) {
  static const auto& pulsar = *new VendorDialect{
      .configuration_file = "config.prototxt",
      .binary_file = "compiled.joint",
      .version_arguments = {"version"},
      .build_arguments = {"build", "--config", "config.prototxt", "--input", kVendorModel, "--output",
                          "output/compiled.joint", "--output_config", "output/output_config.prototxt"},
      .simulate_arguments = SimulatePulsar};
  static const auto& pulsar2 =
      *new VendorDialect{.configuration_file = "config.json",
                         .binary_file = "compiled.axmodel",
                         .version_arguments = {"version"},
                         .build_arguments = {"build", "--config", "config.json", "--input", kVendorModel,
                                             "--output_dir", kVendorOutput, "--output_name", "compiled.axmodel"},
                         .simulate_arguments = SimulatePulsar2};
  return name == kPulsar ? pulsar : pulsar2;
}

std::string VendorInputFile(const std::string& tool, const std::string& tensor) {
  return absl::StrCat(kVendorInput, "/0/", FileNameOf(tool, tensor));
}

std::string VendorOutputFile(const std::string& tool, const std::string& tensor) {
  return absl::StrCat(kVendorSimulated, tool == kPulsar ? "/joint/" : "/0/", FileNameOf(tool, tensor));
}

std::vector<std::string> VendorCommand(const VendorTool& tool, const std::vector<std::string>& arguments,
                                       const std::string& folder, const std::string& container) {
  std::vector<std::string> command = {tool.path};
  if (!tool.image.empty()) {
    command = {"docker", "run", "--rm", "--init", "--name", container, "--network", "none", "--cap-drop", "ALL",
               "--security-opt", "no-new-privileges",
               // What it writes is to be ours to remove.
               "--user", absl::StrCat(getuid(), ":", getgid()), "--volume", absl::StrCat(folder, ":", folder),
               "--workdir", folder, tool.image, tool.name};
  }
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::vector<std::string> EndContainerCommand(const std::string& container) {
  return {"docker", "rm", "--force", container};
}

}  // namespace joinery::compiler
