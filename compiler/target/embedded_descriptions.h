// The files of compiler/target/descriptions as they were when the program was built.
#pragma once

#include "absl/types/span.h"

namespace joinery::compiler {

struct EmbeddedDescription {
  const char* file_name;
  const char* text;
};

// In the order of their file names.
absl::Span<const EmbeddedDescription> EmbeddedDescriptions();

}  // namespace joinery::compiler
