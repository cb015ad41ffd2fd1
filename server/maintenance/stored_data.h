// A data folder as maintenance sees it: from outside, perhaps while a server runs in it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/maintenance/garbage.h"
#include "storage/sqlite/database.h"

namespace joinery::server {

// The database of a data folder or backup. Errors: kFailedPrecondition there is none, or a newer version wrote it.
absl::StatusOr<std::unique_ptr<storage::Database>> OpenDatabase(const std::string& folder);

// Writes into the audit log of `folder` what somebody at its host has just changed there.
absl::Status AuditAtConsole(const std::string& folder, const std::string& action, const std::string& subject,
                            const std::string& details, absl::Time now);

// Of the jobs in the database of `folder`, as it is when called.
ListReferences ReferencesIn(const std::string& folder);

}  // namespace joinery::server
