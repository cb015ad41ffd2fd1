// What jobs of all kinds have in common: inputs fetched, the compiler run as a child, what it made uploaded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/build_job.h"
#include "worker/display_names.h"

namespace joinery::worker {

// A fault that is not the job's, as its outcome.
v1::Failure InternalFailure(absl::string_view message);

// Makes the blob appear as `file`; `what` is what people call it. While the server is unavailable it waits for it.
// Errors: it cannot be fetched, or not be linked.
absl::StatusOr<CachedBlob> FetchInput(const v1::BlobRef& blob, const char* what, const std::string& file,
                                      const BuildContext& context);

// A command without arguments yet, in the job's `folder` under the worker's limits, which may read `inputs` too: in the
// folder are links to them.
ChildCommand CompilerCommand(const std::string& folder, const std::vector<std::string>& inputs,
                             const CompilerSettings& compiler);

// Runs the compiler, and passes on what it tells. nullopt if it ended well. Errors: it does not work at all.
absl::StatusOr<std::optional<v1::Failure>> RunCompiler(ChildCommand command, const DisplayNames& names,
                                                       const BuildContext& context);

// A file in the job's folder that becomes a blob of the result.
struct ResultFile {
  const char* name;
  v1::BlobRef* blob;
  // "an artifact", "its report"
  const char* what;
  // A compiler of another version may write none.
  bool is_optional = false;
};

// Errors: the compiler did not write one of `files`, or the server does not take them.
absl::Status UploadResult(const JobFolder& folder, const std::vector<ResultFile>& files, const BuildContext& context);

}  // namespace joinery::worker
