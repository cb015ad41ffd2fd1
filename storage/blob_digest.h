// The digest of what is stored, by reading it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/blob_store.h"

namespace joinery::storage {

// Reads all of the blob in pieces of at most 1 MiB. `after_piece` is told the size of each; its error ends the reading.
// Errors: that of `after_piece`, and those of BlobReader::Read.
absl::StatusOr<std::string> DigestOf(
    const BlobReader& blob,
    const std::function<absl::Status(int64_t bytes)>& after_piece = [](int64_t /*bytes*/) { return absl::OkStatus(); });

}  // namespace joinery::storage
