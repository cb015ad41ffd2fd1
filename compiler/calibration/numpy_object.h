// A dictionary of arrays as numpy.save writes it: an npy file whose one element is a pickled Python object.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/ir/tensor.h"

namespace joinery::compiler {

// Whether `bytes` are an npy file of Python objects.
bool IsNumpyObject(absl::string_view bytes);

// The array called `key`, of a type that ParseNpy (npy.h) takes. Nothing in the file is executed: of the pickle,
// arrays, their types and the dictionary are recognized, and everything else is refused. kInvalidArgument, naming
// `name`, for what is no dictionary of plain arrays, and, naming those that are there, if there is none called `key`.
absl::StatusOr<Tensor> ParseNumpyObject(absl::string_view bytes, absl::string_view name, absl::string_view key);

}  // namespace joinery::compiler
