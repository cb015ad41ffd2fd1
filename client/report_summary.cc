#include "client/report_summary.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/output.h"

namespace joinery::client {

absl::StatusOr<v1::Report> ParseReport(absl::string_view json) {
  v1::Report report;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto status = google::protobuf::util::JsonStringToMessage(std::string(json), &report, options);
  if (!status.ok()) return absl::DataLossError(absl::StrCat("the report cannot be read: ", status.ToString()));
  return report;
}

std::string FormatSummary(const v1::Report& report) {
  std::string text;
  for (const v1::OutputPrecision& output : report.manifest().precision().outputs()) {
    absl::StrAppendFormat(&text, "  output %s: cosine %.4f (least %.4f), SQNR %.2f dB\n", Printable(output.name()),
                          output.cosine_mean(), output.cosine_min(), output.sqnr_db());
  }
  absl::StrAppendFormat(&text, "  size %s, float model %s\n", FormatBytes(report.artifact_bytes()),
                        FormatBytes(report.model_bytes()));
  for (const std::string& warning : report.warnings()) absl::StrAppend(&text, "  warning: ", Printable(warning), "\n");
  return text;
}

}  // namespace joinery::client
