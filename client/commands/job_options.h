// How a job is to be treated, as the command line says.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::client {

struct JobOptionArguments {
  int priority = 0;
  // Durations such as 30m; empty if not given.
  std::string max_time;
  std::string finish_within;
  int cpus = 0;
  uint64_t memory_bytes = 0;
  int gpus = 0;
  uint64_t gpu_memory_bytes = 0;
  std::vector<std::string> labels;
  bool fresh = false;
};

// `arguments` must outlive `command`.
void AddJobOptions(CLI::App& command, JobOptionArguments& arguments);

// Errors: kInvalidArgument a duration is none.
absl::StatusOr<v1::JobOptions> ParseJobOptions(const JobOptionArguments& arguments);

}  // namespace joinery::client
