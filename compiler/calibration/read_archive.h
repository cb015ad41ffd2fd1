// The samples of a tar or zip, streamed once into a file without a name.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "compiler/calibration/data_set.h"

namespace joinery::compiler {

// See DataSet::Open. Errors name the member, not `path`.
absl::StatusOr<DataSet::Contents> ReadArchive(const std::string& path, const Limits& limits);

}  // namespace joinery::compiler
