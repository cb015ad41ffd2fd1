// Which projects may see which blobs, who brought them, and how much each has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/audit_log.h"

namespace joinery::storage {

struct OwnedBlob {
  std::string digest;
  // Bytes.
  int64_t size = 0;
};

struct ProjectUsage {
  std::string project;
  int64_t blobs = 0;
  // Of a blob that several projects have, each has all.
  int64_t bytes = 0;
};

// Thread-safe. What Add and Remove have answered survives a power loss, and is in the audit log. Errors: as those of
// JobStore.
class BlobOwners {
 public:
  virtual ~BlobOwners() = default;

  virtual absl::StatusOr<bool> Has(const std::string& project, const std::string& digest) = 0;

  // Gives them to the project of `by`: all of them, or none after an error. What the project has already stays.
  virtual absl::Status Add(const Actor& by, absl::Span<const OwnedBlob> blobs) = 0;

  // From all projects.
  virtual absl::Status Remove(const Actor& by, absl::Span<const std::string> digests) = 0;

  virtual absl::StatusOr<ProjectUsage> UsageOf(const std::string& project) = 0;

  // Of each project that has any, by name.
  virtual absl::StatusOr<std::vector<ProjectUsage>> Usage() = 0;
};

}  // namespace joinery::storage
