#include "compiler/calibration/spool_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::compiler {
namespace {

std::string DefaultFolder() {
  const char* folder = std::getenv("TMPDIR");
  return folder != nullptr && *folder != '\0' ? folder : "/tmp";
}

}  // namespace

absl::StatusOr<SpoolFile> SpoolFile::Create(const std::string& folder) {
  const std::string where = folder.empty() ? DefaultFolder() : folder;
  base::UniqueFd fd(open(where.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd.valid()) return SpoolFile(std::move(fd));
  // Not every file system has files without a name.
  std::string path = absl::StrCat(where, "/joinery.XXXXXX");
  fd = base::UniqueFd(mkostemp(path.data(), O_CLOEXEC));
  if (!fd.valid()) return base::ErrnoStatus(errno, absl::StrCat("cannot create a temporary file in ", where));
  if (unlink(path.c_str()) != 0) return base::ErrnoStatus(errno, absl::StrCat("cannot unlink ", path));
  return SpoolFile(std::move(fd));
}

absl::Status SpoolFile::Append(absl::string_view bytes) {
  RETURN_IF_ERROR(base::WriteAll(fd_.get(), bytes, "a temporary file (TMPDIR says where)"));
  size_ += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<std::string> SpoolFile::Read(int64_t offset, int64_t size) const {
  std::string bytes(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = pread(fd_.get(), bytes.data() + done, bytes.size() - done,
                                static_cast<off_t>(offset) + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return base::ErrnoStatus(errno, "cannot read a temporary file");
    if (count == 0) return absl::DataLossError("a temporary file ends early");
    done += static_cast<size_t>(count);
  }
  return bytes;
}

}  // namespace joinery::compiler
