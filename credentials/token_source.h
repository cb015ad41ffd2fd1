// The token of a program that runs for long: its file may be exchanged meanwhile.
#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace joinery::credentials {

// Thread-safe.
class TokenSource {
 public:
  // `token` is what `file` held; an empty `file`: the token stays.
  TokenSource(std::string token, std::string file);

  // Reads the file again if it is not the one it was. Where it cannot be read or holds no token, the last token stays:
  // that it is no longer taken, if so, the server says in terms that people know.
  std::string Now();

 private:
  const std::string file_;
  absl::Mutex mutex_;
  std::string token_ ABSL_GUARDED_BY(mutex_);
  // As it was read last.
  struct stat state_ ABSL_GUARDED_BY(mutex_) = {};
};

}  // namespace joinery::credentials
