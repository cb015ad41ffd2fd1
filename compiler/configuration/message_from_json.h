// A JSON value as a protobuf message, with errors a person can act on; protobuf's own name neither place nor remedy.
#pragma once

#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"

namespace joinery::compiler {

// Sets the fields of `message` that `value` has; the others stay. A repeated field is replaced. Field names are those
// of the schema, enum values their names or numbers, null leaves a field as it is. In a map from strings to strings,
// values of another kind are kept as JSON text. Errors: kInvalidArgument, beginning "PATH: ", where PATH is `path`
// (empty for the whole message) and the field's names.
absl::Status ReadJson(const nlohmann::json& value, const std::string& path, google::protobuf::Message& message);

}  // namespace joinery::compiler
