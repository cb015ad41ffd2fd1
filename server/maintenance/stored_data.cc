#include "server/maintenance/stored_data.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/audit_log.h"
#include "storage/sqlite/blob_references.h"
#include "storage/sqlite/schema.h"

namespace joinery::server {

absl::StatusOr<std::unique_ptr<storage::Database>> OpenDatabase(const std::string& folder) {
  const std::string path = folder + "/joinery.db";
  if (::access(path.c_str(), F_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(folder, " has no joinery.db: it is no data folder of joineryd"));
  }
  ASSIGN_OR_RETURN(auto database, storage::Database::Open(path, storage::Durability::kProcessCrash, ""));
  RETURN_IF_ERROR(storage::CheckSchema(*database));
  return database;
}

absl::Status AuditAtConsole(const std::string& folder, const std::string& action, const std::string& subject,
                            const std::string& details, absl::Time now) {
  ASSIGN_OR_RETURN(const auto database, OpenDatabase(folder));
  return base::Annotate(
      storage::AppendAudit(
          *database,
          {.time = now, .by = storage::ConsoleActor(), .action = action, .subject = subject, .details = details}),
      absl::StrCat("cannot write the audit log: ", action));
}

ListReferences ReferencesIn(const std::string& folder) {
  return [folder](const std::function<void(const std::string& digest)>& take) -> absl::Status {
    ASSIGN_OR_RETURN(const auto database, OpenDatabase(folder));
    return storage::ForEachReference(*database, [&take](const storage::BlobReference& reference) {
      take(reference.blob.digest());
      return absl::OkStatus();
    });
  };
}

}  // namespace joinery::server
