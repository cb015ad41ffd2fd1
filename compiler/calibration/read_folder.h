// The samples of a folder.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "compiler/calibration/data_set.h"

namespace joinery::compiler {

// See DataSet::Open. Links are not followed. Reads all samples once, for their digests. Errors name the file, not
// `path`.
absl::StatusOr<DataSet::Contents> ReadFolder(const std::string& path, const Limits& limits);

}  // namespace joinery::compiler
