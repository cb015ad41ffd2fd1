#include "client/commands/submission.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/job_reference.h"

namespace joinery::client {

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
