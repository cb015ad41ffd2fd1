// What the audit log says of jobs and workers. All within the open transaction.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/audit_log.h"
#include "storage/job_store.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/moment.h"

namespace joinery::storage {

absl::Status AuditChange(Database& database, const Actor& by, absl::string_view action, const std::string& subject,
                         const std::string& details, const Moment& now);

// `job` is what the submission became.
absl::Status AuditSubmission(Database& database, const Submission& submission, const v1::Job& job, const Moment& now);

// Of a job that has succeeded or failed; of others nothing.
absl::Status AuditEnd(Database& database, const Actor& by, const v1::Job& job, const Moment& now);

}  // namespace joinery::storage
