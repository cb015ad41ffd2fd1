// A file without a name: gone as soon as nobody has it open, whatever happens.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file.h"

namespace joinery::compiler {

class SpoolFile {
 public:
  // In `folder`; if that is empty, in $TMPDIR, or else in /tmp.
  static absl::StatusOr<SpoolFile> Create(const std::string& folder);

  // Holds no file.
  SpoolFile() = default;

  bool valid() const { return fd_.valid(); }
  int64_t size() const { return size_; }

  // Not thread-safe.
  absl::Status Append(absl::string_view bytes);

  // Thread-safe once nothing is appended any more. kDataLoss if the file is shorter.
  absl::StatusOr<std::string> Read(int64_t offset, int64_t size) const;

 private:
  explicit SpoolFile(base::UniqueFd fd) : fd_(std::move(fd)) {}

  base::UniqueFd fd_;
  int64_t size_ = 0;
};

}  // namespace joinery::compiler
