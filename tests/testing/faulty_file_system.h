// A file system whose Nth call fails, with whatever error is wanted. Not thread-safe.
#pragma once

#include <string>
#include <utility>

#include "storage/local/file_system.h"

namespace joinery::testing {

class FaultyFileSystem : public storage::FileSystem {
 public:
  // The call with this number, from 1, fails with `error`, as does each later one if `stays`; 0: none.
  void FailCall(int number, absl::Status error, bool stays = false) {
    calls_ = 0;
    failing_call_ = number;
    stays_ = stays;
    error_ = std::move(error);
  }

  // Since FailCall.
  int calls() const { return calls_; }

  absl::StatusOr<base::UniqueFd> CreateFile(const std::string& path) override {
    if (Fails()) return error_;
    return real_.CreateFile(path);
  }
  absl::Status Write(int fd, absl::string_view bytes, const std::string& path) override {
    if (!Fails()) return real_.Write(fd, bytes, path);
    // As on a full disk: a part is written first.
    real_.Write(fd, bytes.substr(0, bytes.size() / 2), path).IgnoreError();
    return error_;
  }
  absl::Status Sync(int fd, const std::string& path) override { return Fails() ? error_ : real_.Sync(fd, path); }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Fails() ? error_ : real_.Rename(from, to);
  }
  absl::Status MakeFolder(const std::string& path) override { return Fails() ? error_ : real_.MakeFolder(path); }
  absl::Status SyncFolder(const std::string& path) override { return Fails() ? error_ : real_.SyncFolder(path); }
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override { return real_.FreeBytes(path); }

 private:
  bool Fails() {
    ++calls_;
    return failing_call_ != 0 && (calls_ == failing_call_ || (stays_ && calls_ > failing_call_));
  }

  storage::RealFileSystem real_;
  int calls_ = 0;
  int failing_call_ = 0;
  bool stays_ = false;
  absl::Status error_;
};

}  // namespace joinery::testing
