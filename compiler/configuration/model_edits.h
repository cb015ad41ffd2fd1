// const_processors and op_processors of a `pulsar2 build` configuration: what is changed of the float model.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/build_configuration.pb.h"
#include "joinery/v1/pulsar2.pb.h"

namespace joinery::compiler {

// More is better changed in the model itself than by its configuration, which goes into the artifact.
inline constexpr int kMaxConstantValues = 32768;

// Whether the model has what is changed is not checked here. kInvalidArgument names the field: no name, neither data
// nor data_path, or a data_path whose file was not read (see ReadConstant).
absl::StatusOr<v1::ModelEdits> ModelEditsOfPulsar2(const v1::pulsar2::BuildConfig& source);

// Reads the values of `bytes`, the file `processor.data_path`, into processor.data, and clears the path. A .txt has
// numbers between white space or commas, a .bin 32-bit floats; of other files kInvalidArgument (arrays of NumPy are
// read by the caller, who knows them).
absl::Status ReadConstant(absl::string_view bytes, v1::pulsar2::ConstProcessor& processor);

}  // namespace joinery::compiler
