#include "client/commands/submission.h"

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
      ->expected(1)
      ->allow_extra_args(false);
}

}  // namespace

void AddBuildArguments(CLI::App& command, BuildArguments& arguments) {
  command.add_option("MODEL", arguments.model, "The float model, an ONNX file")->required();
  command.add_option("--config", arguments.config, "The configuration, as `pulsar build` or `pulsar2 build` takes it")
      ->required()
      ->type_name("C.prototxt");
  command
      .add_option("--calibration", arguments.calibration,
                  "A folder of jpg, png or npy files, or a tar of them; else what the configuration names")
      ->type_name("PATH");
  command
      .add_option("--input-shape", arguments.input_shapes,
                  "Shape of an input whose own is dynamic, such as data:1x3x224x224; may be repeated")
      ->type_name("NAME:DIMS")
      ->expected(1)
      ->allow_extra_args(false);
  AddQuantizationOptions(command, arguments.quantization);
}

absl::StatusOr<v1::Job> SubmitBuild(Invocation& invocation, const BuildArguments& arguments) {
  ASSIGN_OR_RETURN(BuildInputs inputs, OpenBuildInputs(arguments));
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  RETURN_IF_ERROR(UploadBuildInputs(inputs, *session, invocation.interruption(), invocation.progress()));
  v1::JobSpec spec;
  *spec.mutable_build() = inputs.spec;
  ASSIGN_OR_RETURN(v1::Job job, session->CreateJob(spec));
  invocation.set_job_id(job.id());
  if (const absl::Status status = RememberLastJob(StateFolder(invocation.environment()), job.id()); !status.ok()) {
    // The job is submitted; that @last means another one is worth a word, no more.
    invocation.Note(absl::StrCat("warning: @last will not mean this job: ", status.message()));
  }
  return job;
}

}  // namespace joinery::client
