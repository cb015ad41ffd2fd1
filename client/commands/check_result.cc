#include "client/commands/check_result.h"

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"
#include "client/json.h"
#include "compiler/target/print_check.h"

namespace joinery::client {
namespace {

// Memory must not depend on what the server sends.
constexpr int64_t kMaxReport = 64 << 20;

absl::StatusOr<v1::CheckReport> Load(Session& session, const v1::Job& job) {
  ASSIGN_OR_RETURN(const std::string json, session.DownloadToMemory(job.result().report(), kMaxReport));
  return compiler::ParseCheck(json);
}

absl::Status Verdict(const v1::CheckReport& report) {
  switch (compiler::WorstVerdict(report)) {
    case v1::CHECK_VERDICT_NEEDS_CPU:
      return WithOrigin(absl::FailedPreconditionError("the CPU is needed in the midst of a network"),
                        Origin::kNeedsCpu);
    case v1::CHECK_VERDICT_IMPOSSIBLE:
      return WithOrigin(absl::FailedPreconditionError("a network is impossible on a target"), Origin::kImpossible);
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::Status ShowChecks(Invocation& invocation, const std::vector<v1::Job>& jobs, const std::string& report) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  v1::CheckReport all;
  for (const v1::Job& job : jobs) {
    ASSIGN_OR_RETURN(const v1::CheckReport one, Load(*session, job));
    all.set_tool_version(one.tool_version());
    all.mutable_models()->MergeFrom(one.models());
  }
  invocation.progress().Clear();
  if (!report.empty()) {
    RETURN_IF_ERROR(LocalIo(base::WriteFileAtomically(report, absl::StrCat(compiler::CheckToJson(all), "\n"))));
  }
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(all));
    RETURN_IF_ERROR(invocation.console().Print(document));
  } else if (!invocation.options().quiet) {
    RETURN_IF_ERROR(invocation.console().Print(compiler::FormatCheck(all)));
  }
  return Verdict(all);
}

}  // namespace joinery::client
