// The command line of joinery-worker.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "credentials/credentials.h"
#include "worker/sandbox.h"

namespace joinery::worker {

struct Settings {
  // host:port
  std::string server;
  credentials::Sources credentials;
  // 1 to 128 characters.
  std::string name;
  // Absolute, as are the folders.
  std::string compiler;
  std::string cache_folder;
  std::string work_folder;
  int64_t cache_bytes = int64_t{20} << 30;
  // 0: no limit.
  int64_t memory_bytes = int64_t{8} << 30;
  absl::Duration time_limit = absl::Minutes(30);
  // 0: no limit.
  int64_t disk_bytes = int64_t{16} << 30;
  // How long a job that runs when the worker is told to stop may go on before it is handed back.
  absl::Duration grace = absl::Seconds(30);
  SandboxMode sandbox = SandboxMode::kAuto;
  // Absolute; what the compiler may read besides what it is known to need.
  std::vector<std::string> readable;
  // Of the GPUs that jobs may have, by index; nullopt: all that work.
  std::optional<std::vector<int>> gpus;
  // Absolute; see GpuPoolOptions.
  std::vector<std::string> gpu_libraries;
  // "NAME=PATH" of vendors' tools, as joineryc build takes them.
  std::vector<std::string> vendor_tools;
  // What jobs may ask for, besides CPUs, memory and GPUs, which are found out.
  std::vector<std::string> labels;
  // Only look at compiler and sandbox, and say what they are like.
  bool check_only = false;
  // trace, debug, info, warn, error or off.
  std::string log_level = "info";
  // text or json.
  std::string log_format = "text";
  // HOST:PORT for /metrics, /healthz and /readyz; empty: nowhere.
  std::string metrics_listen;
};

// What the defaults depend on.
struct Surroundings {
  // The value of an environment variable; empty if there is none.
  std::function<std::string(const char* name)> environment;
  std::string host_name;
  int process_id = 0;
  // Folder of the program itself.
  std::string program_folder;
};

// The settings, or the exit code to end with at once: 0 after --help and --version, which go to stdout, 2 after a
// mistake, which is told on stderr.
struct CommandLine {
  std::optional<Settings> settings;
  int exit_code = 0;
};
CommandLine ParseCommandLine(int argc, const char* const* argv, const Surroundings& surroundings);

}  // namespace joinery::worker
