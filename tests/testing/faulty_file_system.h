// A file system whose Nth call fails, with whatever error is wanted. Threads may call it; FailCall is for when
// none does.
#pragma once

#include <atomic>
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

  absl::StatusOr<base::UniqueFd> OpenToAppend(const std::string& path) override {
    if (Fails()) return error_;
    return real_.OpenToAppend(path);
  }
  absl::StatusOr<base::UniqueFd> OpenToRead(const std::string& path) override {
    if (Fails()) return error_;
    return real_.OpenToRead(path);
  }
  absl::StatusOr<std::string> Read(int fd, int64_t offset, int64_t max_bytes, const std::string& path) override {
    if (Fails()) return error_;
    return real_.Read(fd, offset, max_bytes, path);
  }
  void DropCached(int fd) override { real_.DropCached(fd); }
  absl::Status Append(int fd, absl::string_view bytes, const std::string& path) override {
    if (!Fails()) return real_.Append(fd, bytes, path);
    // As on a full disk: a part is written first.
    real_.Append(fd, bytes.substr(0, bytes.size() / 2), path).IgnoreError();
    return error_;
  }
  void BeginSync(int fd, int64_t offset, int64_t size) override { real_.BeginSync(fd, offset, size); }
  // No test loses its power; waiting for the disk would be most of their time.
  absl::Status Sync(int /*fd*/, const std::string& /*path*/) override { return Fails() ? error_ : absl::OkStatus(); }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return Fails() ? error_ : real_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return Fails() ? error_ : real_.Remove(path); }
  absl::Status SetTime(const std::string& path, absl::Time time) override {
    return Fails() ? error_ : real_.SetTime(path, time);
  }
  absl::Status MakeFolder(const std::string& path) override { return Fails() ? error_ : real_.MakeFolder(path); }
  absl::Status SyncFolder(const std::string& /*path*/) override { return Fails() ? error_ : absl::OkStatus(); }
  absl::StatusOr<int64_t> FreeBytes(const std::string& path) override {
    if (Fails()) return error_;
    return real_.FreeBytes(path);
  }

 private:
  bool Fails() {
    const int call = ++calls_;
    return failing_call_ != 0 && (call == failing_call_ || (stays_ && call > failing_call_));
  }

  storage::RealFileSystem real_;
  std::atomic<int> calls_ = 0;
  int failing_call_ = 0;
  bool stays_ = false;
  absl::Status error_;
};

}  // namespace joinery::testing
