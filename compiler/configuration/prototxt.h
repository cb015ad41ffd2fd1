// Protobuf's text form, with errors a person can act on.
#pragma once

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// Reads `text` into `message`, which is empty. Errors are kInvalidArgument and begin "FILE:LINE:COLUMN: ", counted from
// 1, columns in bytes; for a field or a value that does not exist they suggest the nearest that does.
absl::Status ParsePrototxt(absl::string_view text, absl::string_view file_name, google::protobuf::Message& message);

}  // namespace joinery::compiler
