#include "client/commands/job_options.h"

#include "absl/time/time.h"
#include "base/status.h"
#include "client/commands/invocation.h"

namespace joinery::client {
namespace {

constexpr char kGroup[] = "How the job is treated";

absl::Status ParseInto(const std::string& text, absl::string_view option, google::protobuf::Duration& proto) {
  ASSIGN_OR_RETURN(const absl::Duration duration, ParsePositiveDuration(text, option));
  proto.set_seconds(absl::ToInt64Seconds(duration));
  proto.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration % absl::Seconds(1))));
  return absl::OkStatus();
}

}  // namespace

void AddJobOptions(CLI::App& command, JobOptionArguments& arguments) {
  command.add_option("--priority", arguments.priority, "-100 to 100; a step counts for a minute of waiting")
      ->check(CLI::Range(-100, 100))
      ->type_name("N")
      ->group(kGroup);
  command.add_option("--max-time", arguments.max_time, "Stop an attempt that takes longer; waiting does not count")
      ->type_name("DURATION")
      ->group(kGroup);
  command.add_option("--finish-within", arguments.finish_within, "Give up if the job has not ended so long from now")
      ->type_name("DURATION")
      ->group(kGroup);
  command.add_option("--require-cpus", arguments.cpus, "Only on a worker with so many CPUs")
      ->check(CLI::Range(0, 4096))
      ->type_name("N")
      ->group(kGroup);
  command.add_option("--require-memory", arguments.memory_bytes, "Only on a worker that gives a job so much, as 8GiB")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->type_name("SIZE")
      ->group(kGroup);
  command.add_option("--require-gpus", arguments.gpus, "Only on a worker with so many GPUs")
      ->check(CLI::Range(0, 64))
      ->type_name("N")
      ->group(kGroup);
  command
      .add_option("--gpu-memory", arguments.gpu_memory_bytes,
                  "Only on a worker that has so much free on one GPU, as 8GiB")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->type_name("SIZE")
      ->group(kGroup);
  command.add_option("--require-label", arguments.labels, "Only on a worker with this label; may be repeated")
      ->type_name("LABEL")
      ->allow_extra_args(false)
      ->group(kGroup);
  command
      .add_flag("--fresh", arguments.fresh,
                "Run the job even if one that has finished or is running has the same inputs")
      ->group(kGroup);
}

absl::StatusOr<v1::JobOptions> ParseJobOptions(const JobOptionArguments& arguments) {
  v1::JobOptions options;
  options.set_priority(arguments.priority);
  if (!arguments.max_time.empty()) {
    RETURN_IF_ERROR(ParseInto(arguments.max_time, "--max-time", *options.mutable_max_attempt_duration()));
  }
  if (!arguments.finish_within.empty()) {
    RETURN_IF_ERROR(ParseInto(arguments.finish_within, "--finish-within", *options.mutable_finish_within()));
  }
  if (arguments.cpus > 0 || arguments.memory_bytes > 0 || arguments.gpus > 0 || arguments.gpu_memory_bytes > 0 ||
      !arguments.labels.empty()) {
    v1::Requirements& requirements = *options.mutable_requirements();
    requirements.set_cpus(arguments.cpus);
    requirements.set_memory_bytes(static_cast<int64_t>(arguments.memory_bytes));
    requirements.set_gpus(arguments.gpus);
    requirements.set_gpu_memory_bytes(static_cast<int64_t>(arguments.gpu_memory_bytes));
    for (const std::string& label : arguments.labels) requirements.add_labels(label);
  }
  options.set_fresh(arguments.fresh);
  return options;
}

}  // namespace joinery::client
