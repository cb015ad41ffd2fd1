#include "client/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"

namespace joinery::client {
namespace {

namespace fs = std::filesystem;

constexpr int kBlockSize = 1 << 20;

using Archive = std::unique_ptr<archive, decltype(&archive_write_free)>;
using Entry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

// Where libarchive's bytes go, and the first error on the way.
struct Sink {
  const TakePiece* take;
  absl::Status status;
};

la_ssize_t Deliver(archive* /*writer*/, void* context, const void* bytes, size_t size) {
  Sink& sink = *static_cast<Sink*>(context);
  if (sink.status.ok()) sink.status = (*sink.take)(absl::string_view(static_cast<const char*>(bytes), size));
  return sink.status.ok() ? static_cast<la_ssize_t>(size) : -1;
}

bool IsSample(const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  return absl::EndsWith(lower, ".jpg") || absl::EndsWith(lower, ".jpeg") || absl::EndsWith(lower, ".png") ||
         absl::EndsWith(lower, ".npy");
}

absl::Status FolderError(const std::error_code& error, const std::string& path) {
  return LocalIo(base::ErrnoStatus(error.value(), absl::StrCat("cannot read the folder ", path)));
}

absl::Status ArchiveError(archive* writer, const Sink& sink, const std::string& path) {
  if (!sink.status.ok()) return sink.status;
  const char* const message = archive_error_string(writer);
  return LocalIo(absl::InvalidArgumentError(
      absl::StrCat("cannot pack ", path, ": ", message == nullptr ? "unknown error" : message)));
}

// `size` bytes from `fd` into the archive's current entry.
absl::Status CopyBytes(archive* writer, const Sink& sink, int fd, int64_t size, const std::string& path) {
  std::vector<char> buffer(static_cast<size_t>(std::min<int64_t>(size, kBlockSize)));
  while (size > 0) {
    const ssize_t count = read(fd, buffer.data(), static_cast<size_t>(std::min<int64_t>(size, kBlockSize)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return LocalIo(base::ErrnoStatus(errno, absl::StrCat("cannot read ", path)));
    if (count == 0) return LocalIo(absl::AbortedError(absl::StrCat(path, " became shorter while it was read")));
    if (archive_write_data(writer, buffer.data(), static_cast<size_t>(count)) < 0) {
      return ArchiveError(writer, sink, path);
    }
    size -= count;
  }
  return absl::OkStatus();
}

absl::Status AddMember(archive* writer, const Sink& sink, const std::string& folder, const PackMember& member) {
  const std::string path = absl::StrCat(folder, "/", member.name);
  auto opened = base::OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!opened.ok()) return LocalIo(opened.status());
  const Entry entry(archive_entry_new(), &archive_entry_free);
  archive_entry_set_pathname(entry.get(), member.name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), 0644);
  archive_entry_set_size(entry.get(), member.size);
  archive_entry_set_mtime(entry.get(), 0, 0);
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK) return ArchiveError(writer, sink, path);
  return CopyBytes(writer, sink, opened->get(), member.size, path);
}

}  // namespace

absl::StatusOr<std::vector<PackMember>> FindPackMembers(const std::string& folder) {
  std::vector<PackMember> members;
  std::error_code error;
  fs::recursive_directory_iterator entries(folder, fs::directory_options::none, error);
  if (error) return FolderError(error, folder);
  while (entries != fs::recursive_directory_iterator()) {
    struct stat status {};
    const std::string path = entries->path().string();
    if (lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && IsSample(path)) {
      members.push_back({entries->path().lexically_relative(folder).string(), status.st_size});
    }
    entries.increment(error);
    if (error) return FolderError(error, path);
  }
  if (members.empty()) {
    return LocalIo(
        WithFix(absl::InvalidArgumentError(absl::StrCat("the calibration folder ", folder,
                                                        " has no .jpg, .jpeg, .png or .npy "
                                                        "file")),
                "put pictures into it (symbolic links are not followed), or name another folder with --calibration"));
  }
  std::sort(members.begin(), members.end(),
            [](const PackMember& left, const PackMember& right) { return left.name < right.name; });
  return members;
}

FolderSource::FolderSource(std::string folder, std::vector<PackMember> members)
    : folder_(std::move(folder)), members_(std::move(members)) {}

absl::StatusOr<std::unique_ptr<FolderSource>> FolderSource::Open(const std::string& folder) {
  ASSIGN_OR_RETURN(std::vector<PackMember> members, FindPackMembers(folder));
  return std::unique_ptr<FolderSource>(new FolderSource(folder, std::move(members)));
}

absl::Status FolderSource::Read(const TakePiece& take) const {
  Sink sink{&take, absl::OkStatus()};
  const Archive writer(archive_write_new(), &archive_write_free);
  archive_write_set_format_ustar(writer.get());
  archive_write_set_bytes_per_block(writer.get(), kBlockSize);
  archive_write_set_bytes_in_last_block(writer.get(), 1);
  if (archive_write_open(writer.get(), &sink, nullptr, &Deliver, nullptr) != ARCHIVE_OK) {
    return ArchiveError(writer.get(), sink, folder_);
  }
  for (const PackMember& member : members_) {
    if (absl::Status status = AddMember(writer.get(), sink, folder_, member); !status.ok()) {
      // What libarchive would write in the end goes nowhere. Not archive_write_fail: its buffers would stay.
      sink.status = status;
      return status;
    }
  }
  if (archive_write_close(writer.get()) != ARCHIVE_OK) return ArchiveError(writer.get(), sink, folder_);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<BlobSource>> OpenCalibration(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return LocalIo(WithFix(base::ErrnoStatus(errno, absl::StrCat("cannot open the calibration set ", path)),
                           "name a folder or a .tar file with --calibration"));
  }
  if (S_ISDIR(status.st_mode)) {
    ASSIGN_OR_RETURN(std::unique_ptr<FolderSource> folder, FolderSource::Open(path));
    return folder;
  }
  if (!absl::EndsWithIgnoreCase(path, ".tar")) {
    return WithFix(
        absl::InvalidArgumentError(absl::StrCat("the calibration set ", path, " is neither a folder nor a .tar file")),
        "put the samples into a folder, or into a .tar file, and name that with --calibration");
  }
  return std::make_unique<FileSource>(path);
}

}  // namespace joinery::client
