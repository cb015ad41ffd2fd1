// The configuration of `joineryc build`: the file, and the options that beat it.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "compiler/build.h"
#include "compiler/configuration/configuration.h"

namespace joinery::compiler {

struct ConfigurationOptions {
  // Empty for none.
  std::string path;
  QuantizationOverrides quantization;
  // Those of `pulsar build`; --target_hardware is `pulsar2 build`'s, too.
  PulsarOverrides pulsar;
  // Those of `pulsar2 build`, by path.
  std::map<std::string, std::vector<std::string>> pulsar2;
  // For `pulsar2 build` the folder of the result where --output does not say it.
  std::string output_dir;
  // Without a file the configuration is one of `pulsar2 build`.
  bool is_pulsar2 = false;
  // Taken because the vendor's tool takes it.
  bool enable_progress_bar = false;
};

// `options` must outlive `command`.
void AddConfigurationOptions(CLI::App& command, ConfigurationOptions& options);

// Reads the file and applies the options. Completes `arguments` by what the configuration says; the command line comes
// first. Paths in a configuration of `pulsar build` are relative to its folder; in one of `pulsar2 build` to the folder
// the program was started in or, where nothing is there, to its own.
absl::Status ReadConfiguration(const ConfigurationOptions& options, BuildArguments& arguments);

}  // namespace joinery::compiler
