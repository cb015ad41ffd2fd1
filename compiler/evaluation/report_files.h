// A report as the files in which people and programs get it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// JSON in one file and a web page in the other; an empty path is none. Each file appears whole or not at all.
// Errors: those of base::WriteFileAtomically.
absl::Status WriteReportFiles(const v1::Report& report, const std::string& json_path, const std::string& html_path);

}  // namespace joinery::compiler
