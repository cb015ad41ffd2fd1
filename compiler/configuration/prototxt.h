// Protobuf's text form, with errors a person can act on.
#pragma once

#include <google/protobuf/message.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// Reads `text` into `message`, which is empty. Errors are kInvalidArgument and begin "FILE:LINE:COLUMN: ", counted from
// 1, columns in bytes; for a field or a value that does not exist they suggest the nearest that does. Where escapes
// make what is no UTF-8 they begin "FILE: FIELD: ".
absl::Status ParsePrototxt(absl::string_view text, absl::string_view file_name, google::protobuf::Message& message);

}  // namespace joinery::compiler
