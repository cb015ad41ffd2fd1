#include "compiler/evaluation/report_files.h"

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/backend/joint_file.h"
#include "compiler/evaluation/html_report.h"

namespace joinery::compiler {

absl::Status WriteReportFiles(const v1::Report& report, const std::string& json_path, const std::string& html_path) {
  if (!json_path.empty()) {
    RETURN_IF_ERROR(base::WriteFileAtomically(json_path, absl::StrCat(ToJson(report, /*pretty=*/true), "\n")));
  }
  if (html_path.empty()) return absl::OkStatus();
  return base::WriteFileAtomically(html_path, FormatHtmlReport(report));
}

}  // namespace joinery::compiler
