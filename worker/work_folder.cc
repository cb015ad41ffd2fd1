#include "worker/work_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "spdlog/spdlog.h"
#include "telemetry/log.h"

namespace joinery::worker {
namespace {

constexpr char kPrefix[] = "worker-";

// A child may have taken away its own right to enter a folder.
void AllowEverything(const std::string& path) {
  chmod(path.c_str(), 0700);
  std::error_code error;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_directory(error) && !entry->is_symlink(error)) AllowEverything(entry->path());
  }
}

void RemoveAll(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (!error) return;
  AllowEverything(path);
  std::filesystem::remove_all(path, error);
  if (error)
    spdlog::warn("cannot remove a working folder path={} error={}", telemetry::LogValue(path),
                 telemetry::LogValue(error.message()));
}

absl::Status MakeFolder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot make the folder ", path));
  return absl::OkStatus();
}

void RemoveLeftovers(const std::string& root) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(root, error), end; !error && entry != end; entry.increment(error)) {
    const std::string path = entry->path();
    if (!absl::StartsWith(entry->path().filename().string(), kPrefix)) continue;
    const absl::StatusOr<base::UniqueFd> fd = base::OpenFile(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd.ok() || flock(fd->get(), LOCK_EX | LOCK_NB) != 0) continue;
    spdlog::info("removing what a dead worker left path={}", path);
    RemoveAll(path);
  }
}

}  // namespace

JobFolder::~JobFolder() {
  if (!path_.empty()) RemoveAll(path_);
}

absl::StatusOr<WorkFolder> WorkFolder::Open(const std::string& root) {
  std::error_code error;
  std::filesystem::create_directories(root, error);
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot make the working folder ", root));
  // One at a time: nobody may take a folder that is made but not yet locked for a dead one.
  ASSIGN_OR_RETURN(const base::UniqueFd root_lock, base::OpenFile(root, O_RDONLY | O_DIRECTORY));
  if (flock(root_lock.get(), LOCK_EX) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot lock ", root));
  RemoveLeftovers(root);
  std::string path = absl::StrCat(root, "/", kPrefix, "XXXXXX");
  if (mkdtemp(path.data()) == nullptr) return base::ErrnoStatus(errno, absl::StrCat("cannot make a folder in ", root));
  ASSIGN_OR_RETURN(base::UniqueFd lock, base::OpenFile(path, O_RDONLY | O_DIRECTORY));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot lock ", path));
  return WorkFolder(std::move(path), std::move(lock));
}

WorkFolder::~WorkFolder() {
  if (!path_.empty()) RemoveAll(path_);
}

WorkFolder::WorkFolder(WorkFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::move(other.lock_)), folders_made_(other.folders_made_) {
  other.path_.clear();
}

absl::StatusOr<JobFolder> WorkFolder::NewJobFolder() {
  const std::string path = absl::StrCat(path_, "/job-", ++folders_made_);
  RETURN_IF_ERROR(MakeFolder(path));
  return JobFolder(path);
}

}  // namespace joinery::worker
