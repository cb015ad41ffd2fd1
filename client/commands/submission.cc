#include "client/commands/submission.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/job_reference.h"

namespace joinery::client {
namespace {

// Those of `joineryc build` by the same names.
void AddQuantizationOptions(CLI::App& command, compiler::QuantizationOverrides& overrides) {
  command.add_option("--preset", overrides.preset, "How much time exactness is worth: fast, balanced, accurate")
      ->type_name("NAME");
  command
      .add_option("--calibration-method", overrides.calibration_method,
                  "How ranges are chosen: min_max, mse, moving_average, percentile, entropy")
      ->type_name("NAME");
  command
      .add_option("--target-cosine", overrides.target_cosine,
                  "Give layers 16 bits until every output has this cosine, such as 0.998")
      ->type_name("X");
  command
      .add_option("--target-sqnr", overrides.target_sqnr_db,
                  "Give layers 16 bits until every output has this SQNR in dB, such as 22")
      ->type_name("DB");
  command
      .add_option("--layer-bits", overrides.layer_bits,
                  "Format of the layers whose whole name matches, such as 'Conv_.*=16'; may be repeated")
      ->type_name("PATTERN=8|16|float")
      ->allow_extra_args(false);
  command.add_option("--cut", overrides.cut_tensors, "Tensor at which the NPU hands over to the CPU; may be repeated")
      ->type_name("TENSOR")
      ->allow_extra_args(false);
}

void AddBuildArguments(CLI::App& command, BuildArguments& arguments) {
  command.add_option("--config", arguments.config, "The configuration, as `pulsar build` or `pulsar2 build` takes it")
      ->required()
      ->type_name("C.prototxt");
  command
      .add_option("--calibration", arguments.calibration,
                  "A folder of jpg, png, npy or bin files, or a tar of them; else what the configuration names")
      ->type_name("PATH");
  command
      .add_option("--input-shape", arguments.input_shapes,
                  "Shape of an input whose own is dynamic, such as data:1x3x224x224; may be repeated")
      ->type_name("NAME:DIMS")
      ->allow_extra_args(false);
  AddQuantizationOptions(command, arguments.quantization);
  command
      .add_option("--device", arguments.device,
                  "Where models run on the worker: auto (a GPU that works, else the CPU), cpu, cuda (or fail)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, v1::Device>{{"auto", v1::DEVICE_UNSPECIFIED},
                                                                            {"cpu", v1::DEVICE_CPU},
                                                                            {"cuda", v1::DEVICE_CUDA}})
                      .description(""))
      ->type_name("auto|cpu|cuda");
  command.add_flag(
      "--gpu", [&arguments](int64_t) { arguments.device = v1::DEVICE_CUDA; }, "The same as --device cuda");
  command.add_flag("--vendor-binary", arguments.vendor_binary,
                   "Also have the vendor's tool make its binary and attach it; on a worker that has the tool");
}

// What the inputs ask of workers beyond what the options say.
void AddRequirements(const BuildArguments& inputs, v1::JobOptions& options) {
  if (inputs.device == v1::DEVICE_CUDA && options.requirements().gpus() == 0) {
    options.mutable_requirements()->set_gpus(1);
  }
}

// All of them, before any is sent: a mistake in the last is told at once.
absl::StatusOr<std::vector<BuildInputs>> OpenAll(const SubmissionArguments& arguments) {
  std::vector<BuildInputs> all;
  for (const Submission& submission : SubmissionsOf(arguments)) {
    BuildArguments one = arguments.inputs;
    one.model = submission.model;
    if (!submission.target.empty()) one.quantization.target = submission.target;
    ASSIGN_OR_RETURN(BuildInputs inputs, OpenBuildInputs(one));
    all.push_back(std::move(inputs));
  }
  return all;
}

absl::StatusOr<std::vector<v1::Job>> CreateJobs(Session& session, const std::vector<v1::JobSpec>& specs,
                                                const v1::JobOptions& options) {
  if (specs.size() == 1) {
    ASSIGN_OR_RETURN(v1::Job job, session.CreateJob(specs.front(), options));
    return std::vector<v1::Job>{std::move(job)};
  }
  ASSIGN_OR_RETURN(v1::JobArray array, session.CreateJobArray(specs, options));
  return std::vector<v1::Job>(array.jobs().begin(), array.jobs().end());
}

}  // namespace

void AddSubmissionArguments(CLI::App& command, SubmissionArguments& arguments) {
  command
      .add_option("MODEL", arguments.models,
                  "The float model, an ONNX file; of several, each becomes a job of an array")
      ->required();
  AddBuildArguments(command, arguments.inputs);
  command
      .add_option("--target", arguments.targets,
                  "Chip, such as AX630C:NPU1, in place of the configuration's; of several, each becomes a job")
      ->type_name("CHIP[:MODE]")
      ->allow_extra_args(false);
  AddJobOptions(command, arguments.options);
}

std::vector<Submission> SubmissionsOf(const SubmissionArguments& arguments) {
  std::vector<Submission> all;
  for (const std::string& model : arguments.models) {
    if (arguments.targets.empty()) all.push_back({model, ""});
    for (const std::string& target : arguments.targets) all.push_back({model, target});
  }
  return all;
}

absl::StatusOr<std::vector<v1::Job>> SubmitBuilds(Invocation& invocation, const SubmissionArguments& arguments) {
  ASSIGN_OR_RETURN(v1::JobOptions options, ParseJobOptions(arguments.options));
  ASSIGN_OR_RETURN(std::vector<BuildInputs> inputs, OpenAll(arguments));
  AddRequirements(arguments.inputs, options);
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  std::vector<v1::JobSpec> specs;
  specs.reserve(inputs.size());
  for (BuildInputs& input : inputs) {
    RETURN_IF_ERROR(UploadBuildInputs(input, *session, invocation.interruption(), invocation.progress()));
    *specs.emplace_back().mutable_build() = input.spec;
  }
  return SubmitJobs(invocation, specs, options);
}

absl::StatusOr<std::vector<v1::Job>> SubmitJobs(Invocation& invocation, const std::vector<v1::JobSpec>& specs,
                                                const v1::JobOptions& options) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(std::vector<v1::Job> jobs, CreateJobs(*session, specs, options));
  const std::string& id = jobs.size() == 1 ? jobs.front().id() : jobs.front().array_id();
  invocation.set_job_id(id);
  if (const absl::Status status = RememberLastJob(StateFolder(invocation.environment()), id); !status.ok()) {
    // The job is submitted; that @last means another one is worth a word, no more.
    invocation.Note(absl::StrCat("warning: @last will not mean this job: ", status.message()));
  }
  if (jobs.size() == 1 && !jobs.front().merged_with().empty()) {
    invocation.Note(absl::StrCat("job ", jobs.front().merged_with(),
                                 " is running with the same inputs: this one shares its run (--fresh has its own)"));
  } else if (jobs.size() == 1 && !jobs.front().answered_from().empty()) {
    invocation.Note(absl::StrCat("job ", jobs.front().answered_from(),
                                 " had the same inputs: its result is the answer (--fresh runs it again)"));
  }
  return jobs;
}

}  // namespace joinery::client
