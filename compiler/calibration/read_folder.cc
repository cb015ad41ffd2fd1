#include "compiler/calibration/read_folder.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "compiler/calibration/member_name.h"

namespace joinery::compiler {
namespace {

namespace fs = std::filesystem;

class FolderReader {
 public:
  FolderReader(fs::path root, const Limits& limits) : root_(std::move(root)), limits_(limits) {}

  absl::StatusOr<DataSet::Contents> Read() {
    std::error_code error;
    // By default links to folders are not followed.
    fs::recursive_directory_iterator entries(root_, error);
    for (; !error && entries != fs::recursive_directory_iterator(); entries.increment(error)) {
      if (++members_ > limits_.members) {
        return absl::InvalidArgumentError(absl::StrCat("holds more than ", limits_.members, " files"));
      }
      if (entries->path().filename().string().front() == '.') {
        entries.disable_recursion_pending();
        continue;
      }
      RETURN_IF_ERROR(Visit(*entries));
    }
    if (error) return base::ErrnoStatus(error.value(), "cannot list the folder");
    return std::move(contents_);
  }

 private:
  absl::Status Visit(const fs::directory_entry& entry) {
    std::error_code error;
    const fs::file_type type = entry.symlink_status(error).type();
    const std::string relative = entry.path().lexically_relative(root_).string();
    if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot look at ", ShowName(relative)));
    if (type == fs::file_type::directory) return absl::OkStatus();
    if (type != fs::file_type::regular) {
      const absl::string_view what = type == fs::file_type::symlink ? "a symbolic link" : "no regular file";
      contents_.notes.push_back(absl::StrCat("ignored ", ShowName(relative), ": ", what));
      return absl::OkStatus();
    }
    if (!IsSampleName(relative)) {
      contents_.notes.push_back(absl::StrCat("ignored ", ShowName(relative), ": not jpg, png, npy or bin"));
      return absl::OkStatus();
    }
    return AddSample(entry, relative);
  }

  absl::Status AddSample(const fs::directory_entry& entry, const std::string& relative) {
    ASSIGN_OR_RETURN(const std::string name, CleanMemberName(relative, limits_.name_length));
    std::error_code error;
    const auto size = static_cast<int64_t>(entry.file_size(error));
    if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot look at ", ShowName(name)));
    if (size == 0) return absl::InvalidArgumentError(absl::StrCat("file \"", ShowName(name), "\" is empty"));
    if (size > limits_.bytes_per_member) {
      return absl::InvalidArgumentError(
          absl::StrCat("file \"", ShowName(name), "\" has ", size, " bytes; the limit is ", limits_.bytes_per_member));
    }
    total_ += size;
    if (total_ > limits_.total_bytes) {
      return absl::InvalidArgumentError(absl::StrCat("holds more than ", limits_.total_bytes, " bytes of samples"));
    }
    if (static_cast<int64_t>(contents_.samples.size()) >= limits_.samples) {
      return absl::InvalidArgumentError(absl::StrCat("holds more than ", limits_.samples, " samples"));
    }
    ASSIGN_OR_RETURN(std::string digest, base::Sha256OfFile(entry.path().string()));
    contents_.samples.push_back({name, 0, size, std::move(digest)});
    return absl::OkStatus();
  }

  const fs::path root_;
  const Limits& limits_;
  DataSet::Contents contents_;
  int64_t members_ = 0;
  int64_t total_ = 0;
};

}  // namespace

absl::StatusOr<DataSet::Contents> ReadFolder(const std::string& path, const Limits& limits) {
  return FolderReader(path, limits).Read();
}

}  // namespace joinery::compiler
