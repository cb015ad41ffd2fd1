#include "client/commands/result.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"
#include "client/json.h"
#include "client/report_summary.h"

namespace joinery::client {
namespace {

namespace fs = std::filesystem;

// A summary is wanted of reports of usual size only: memory must not depend on what the server sends.
constexpr int64_t kMaxSummarizedReport = 16 << 20;

absl::Status CheckFolderOf(const std::string& path) {
  const std::string parent = fs::path(path).parent_path().string();
  const std::string folder = parent.empty() ? "." : parent;
  if (access(folder.c_str(), W_OK | X_OK) == 0) return absl::OkStatus();
  return LocalIo(base::ErrnoStatus(errno, absl::StrCat("cannot write into the folder ", folder)));
}

absl::Status Fetch(Invocation& invocation, Session& session, const v1::BlobRef& blob, const std::string& path) {
  const std::string stage = absl::StrCat("fetching ", path);
  return session.Download(blob, path, [&](int64_t done, int64_t total) {
    invocation.progress().Update({.stage = stage,
                                  .detail = "",
                                  .fraction = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1,
                                  .total_bytes = total});
  });
}

// nullopt if there is none that can be summarized; the artifact is there all the same.
absl::StatusOr<std::optional<v1::Report>> LoadReport(Session& session, const v1::JobResult& result,
                                                     const std::string& fetched) {
  if (!result.has_report() || result.report().size() > kMaxSummarizedReport) return std::nullopt;
  const absl::StatusOr<std::string> json = fetched.empty()
                                               ? session.DownloadToMemory(result.report(), kMaxSummarizedReport)
                                               : base::ReadFile(fetched, kMaxSummarizedReport);
  if (!json.ok()) return json.status();
  ASSIGN_OR_RETURN(v1::Report report, ParseReport(*json));
  return report;
}

std::string PathOrNull(const std::string& path) { return path.empty() ? "null" : JsonString(path); }

absl::StatusOr<std::string> ResultDocument(const v1::Job& job, const std::string& artifact, const ResultPaths& paths,
                                           const std::optional<v1::Report>& report) {
  ASSIGN_OR_RETURN(std::string job_json, JsonOf(job));
  std::string precision = "null";
  std::vector<std::string> warnings;
  if (report.has_value()) {
    ASSIGN_OR_RETURN(precision, JsonOf(report->manifest().precision()));
    warnings.reserve(static_cast<size_t>(report->warnings_size()));
    for (const std::string& warning : report->warnings()) warnings.push_back(JsonString(warning));
  }
  return JsonObject({{"schema", "\"v1\""},
                     {"job", std::move(job_json)},
                     {"artifact", JsonString(artifact)},
                     {"report", PathOrNull(paths.report)},
                     {"html_report", PathOrNull(paths.html_report)},
                     {"precision", std::move(precision)},
                     {"warnings", JsonArray(warnings)}}) +
         "\n";
}

absl::Status PrintForPeople(Invocation& invocation, const std::string& artifact,
                            const std::optional<v1::Report>& report) {
  RETURN_IF_ERROR(invocation.console().Print(absl::StrCat(artifact, "\n")));
  if (!report.has_value() || invocation.options().quiet) return absl::OkStatus();
  if (invocation.console().traits().out_is_terminal) return invocation.console().Print(FormatSummary(*report));
  // stdout has the path alone, so that it can be used; warnings are not kept back for that.
  for (const std::string& warning : report->warnings()) invocation.Note(absl::StrCat("warning: ", warning));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> CheckResultPaths(const ResultPaths& paths) {
  std::error_code ignored;
  std::string artifact = paths.artifact;
  if (artifact.empty()) {
    artifact = paths.default_name;
  } else if (fs::is_directory(artifact, ignored)) {
    artifact = (fs::path(artifact) / paths.default_name).string();
  }
  RETURN_IF_ERROR(CheckFolderOf(artifact));
  for (const std::string& report : {paths.report, paths.html_report}) {
    if (!report.empty()) RETURN_IF_ERROR(CheckFolderOf(report));
  }
  return artifact;
}

absl::Status FetchResult(Invocation& invocation, const v1::Job& job, const ResultPaths& paths) {
  ASSIGN_OR_RETURN(const std::string artifact, CheckResultPaths(paths));
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  const v1::JobResult& result = job.result();
  if (!result.has_artifact()) {
    return WithJob(absl::InternalError(absl::StrCat("job ", job.id(), " succeeded without an artifact")), job.id());
  }
  RETURN_IF_ERROR(Fetch(invocation, *session, result.artifact(), artifact));
  if (!paths.report.empty()) {
    if (!result.has_report()) return WithJob(absl::NotFoundError("the job has no report"), job.id());
    RETURN_IF_ERROR(Fetch(invocation, *session, result.report(), paths.report));
  }
  if (!paths.html_report.empty()) {
    if (!result.has_html_report()) {
      return WithJob(absl::NotFoundError("the job has no report as a web page: its worker did not make one; submit it "
                                         "again with --fresh"),
                     job.id());
    }
    RETURN_IF_ERROR(Fetch(invocation, *session, result.html_report(), paths.html_report));
  }
  absl::StatusOr<std::optional<v1::Report>> loaded = LoadReport(*session, result, paths.report);
  if (!loaded.ok()) {
    RETURN_IF_ERROR(invocation.interruption().Check());
    // What was asked for is there.
    invocation.Note(absl::StrCat("warning: no summary: ", loaded.status().message()));
    loaded = std::nullopt;
  }
  const std::optional<v1::Report>& report = *loaded;
  invocation.progress().Clear();
  if (!invocation.options().json) return PrintForPeople(invocation, artifact, report);
  ASSIGN_OR_RETURN(const std::string document, ResultDocument(job, artifact, paths, report));
  return invocation.console().Print(document);
}

}  // namespace joinery::client
