// SHA-256 digests: the names of blobs.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::base {

// 64 lower-case hexadecimal digits.
bool IsDigest(absl::string_view text);

// Of `bytes`, as 64 lower-case hexadecimal digits.
std::string Sha256(absl::string_view bytes);

// Of what the file at `path` holds, read in pieces. Errors: those of open and read, naming the file.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);

// Of bytes that arrive in pieces. Not thread-safe.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;

  void Update(absl::string_view bytes);

  // One that has taken the same bytes.
  Sha256Hasher Copy() const;

  // The digest of all bytes so far, as 64 lower-case hexadecimal digits. Call once, last.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace joinery::base
