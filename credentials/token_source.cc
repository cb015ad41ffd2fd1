#include "credentials/token_source.h"

#include <utility>

#include "absl/status/statusor.h"
#include "credentials/credentials.h"

namespace joinery::credentials {
namespace {

bool IsSameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

}  // namespace

TokenSource::TokenSource(std::string token, std::string file) : file_(std::move(file)), token_(std::move(token)) {}

std::string TokenSource::Now() {
  const absl::MutexLock lock(&mutex_);
  struct stat state {};
  if (file_.empty() || stat(file_.c_str(), &state) != 0 || IsSameFile(state, state_)) return token_;
  absl::StatusOr<std::string> token = ReadTokenFile(file_);
  if (!token.ok()) return token_;
  state_ = state;
  token_ = *std::move(token);
  return token_;
}

}  // namespace joinery::credentials
