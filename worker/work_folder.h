// Where jobs run: a folder of its own for each worker process, and in it one for each job.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/file.h"

namespace joinery::worker {

// A job's folder, mode 0700. Removed with all in it when this object ends.
class JobFolder {
 public:
  explicit JobFolder(std::string path) : path_(std::move(path)) {}
  ~JobFolder();
  JobFolder(JobFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  JobFolder& operator=(JobFolder&&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A worker process's folder under a root that several may share. It holds a lock (flock) that the kernel drops when the
// process ends, however it ends; so a folder without one belongs to a dead worker. Not thread-safe.
class WorkFolder {
 public:
  // Makes `root` if need be, removes in it what dead workers left, and makes this worker's folder.
  static absl::StatusOr<WorkFolder> Open(const std::string& root);

  ~WorkFolder();
  WorkFolder(WorkFolder&& other) noexcept;
  WorkFolder& operator=(WorkFolder&&) = delete;

  absl::StatusOr<JobFolder> NewJobFolder();

 private:
  WorkFolder(std::string path, base::UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  base::UniqueFd lock_;
  int64_t folders_made_ = 0;
};

}  // namespace joinery::worker
