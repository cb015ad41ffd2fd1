// How jobs come into the queue. All within the open transaction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/job_store.h"
#include "storage/random_source.h"
#include "storage/sqlite/database.h"
#include "storage/sqlite/moment.h"

namespace joinery::storage {

// A place in a job array; none if the id is empty.
struct ArrayPlace {
  std::string array_id;
  int index = 0;
};

// What the table has as the request_id: every project has its own. `index` is that in an array, -1 for a single job.
std::string StoredRequestId(const std::string& project, const std::string& request_id, int index);

// SHA-256 of the spec.
std::string SpecDigest(const v1::JobSpec& spec);

// Inserts the job, answered at once if the submission has an answer, running if it can share the run of another, and
// the first events of its history.
absl::StatusOr<v1::Job> InsertJob(Database& database, const Submission& submission,
                                  const std::string& stored_request_id, const ArrayPlace& place, const Moment& now,
                                  const RandomSource& random);

// kAlreadyExists if the job was submitted otherwise.
absl::Status CheckSameRequest(const v1::Job& earlier, const Submission& submission);

}  // namespace joinery::storage
