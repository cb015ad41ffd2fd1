// Telling people what of their configuration has no effect.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace joinery::compiler {

// A field, or a block with all that is in it.
struct IgnoredField {
  absl::string_view path;
  // "would ..."
  absl::string_view meaning;
  // "instead ..."
  absl::string_view instead;
  // The value that asks for what happens anyway; empty if there is none.
  absl::string_view harmless = "";
};

// A sentence for each field of `message` that is set and not acted on, in the order of the schema: its path and value,
// and what `ignored` says of it. A block is one sentence, an empty one none. `is_acted_on` is asked for paths of
// leaves, without indices.
std::vector<std::string> DescribeIgnored(const google::protobuf::Message& message,
                                         absl::Span<const IgnoredField> ignored,
                                         const std::function<bool(absl::string_view path)>& is_acted_on);

}  // namespace joinery::compiler
