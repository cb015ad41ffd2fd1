#include "compiler/calibration/read_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/status.h"
#include "compiler/calibration/member_name.h"

namespace joinery::compiler {
namespace {

constexpr size_t kPieceSize = size_t{1} << 18;
// Below this the ratio says nothing: a few bytes can honestly be a thousand zeros.
constexpr int64_t kRatioCountsFrom = int64_t{1} << 20;

struct FreeArchive {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

class ArchiveReader {
 public:
  ArchiveReader(const std::string& path, const Limits& limits)
      : path_(path), limits_(limits), reader_(archive_read_new()), piece_(kPieceSize) {}

  absl::StatusOr<DataSet::Contents> Read() {
    ASSIGN_OR_RETURN(contents_.spool, SpoolFile::Create(limits_.spool_folder));
    RETURN_IF_ERROR(Open());
    while (true) {
      archive_entry* entry = nullptr;
      const int result = archive_read_next_header(reader_.get(), &entry);
      if (result == ARCHIVE_EOF) break;
      // A warning says that the name is not in the machine's character set, which does not matter here.
      if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return Damaged("");
      RETURN_IF_ERROR(Visit(entry));
    }
    RETURN_IF_ERROR(CheckEnd());
    return std::move(contents_);
  }

 private:
  absl::Status Open() {
    // Only what libarchive does itself: for others it would start programs.
    archive_read_support_filter_gzip(reader_.get());
    archive_read_support_filter_bzip2(reader_.get());
    archive_read_support_filter_xz(reader_.get());
    archive_read_support_filter_zstd(reader_.get());
    archive_read_support_format_tar(reader_.get());
    // By its directory, which is at the end: a zip that was cut off is recognized as such.
    archive_read_support_format_zip_seekable(reader_.get());
    if (archive_read_open_filename(reader_.get(), path_.c_str(), kPieceSize) == ARCHIVE_OK) return absl::OkStatus();
    return Damaged("");
  }

  absl::Status Damaged(absl::string_view member) const {
    const char* text = archive_error_string(reader_.get());
    const std::string where = member.empty() ? "" : absl::StrCat("member \"", ShowName(member), "\": ");
    return absl::InvalidArgumentError(absl::StrCat(where,
                                                   "cannot be read as tar or zip, it may be damaged or cut off (",
                                                   text == nullptr ? "no reason given" : text, "); pack it again"));
  }

  static absl::Status Refused(absl::string_view member, absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("member \"", ShowName(member), "\" ", why));
  }

  absl::Status Visit(archive_entry* entry) {
    if (++members_ > limits_.members) {
      return absl::InvalidArgumentError(absl::StrCat("holds more than ", limits_.members, " members"));
    }
    const char* raw_name = archive_entry_pathname(entry);
    if (raw_name == nullptr) raw_name = archive_entry_pathname_utf8(entry);
    if (raw_name == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat("member number ", members_, " has no readable name"));
    }
    ASSIGN_OR_RETURN(const std::string name, CleanMemberName(raw_name, limits_.name_length));
    RETURN_IF_ERROR(CheckKind(entry, raw_name));
    if (archive_entry_filetype(entry) == AE_IFDIR) return absl::OkStatus();
    if (name.empty()) return Refused(raw_name, "has no name of a file");
    if (!names_.insert(name).second) return Refused(name, "occurs twice");
    const bool hidden = IsHidden(name);
    const bool is_sample = !hidden && IsSampleName(name);
    if (!hidden && !is_sample) {
      contents_.notes.push_back(absl::StrCat("ignored ", ShowName(name), ": not jpg, png, npy or bin"));
    }
    return is_sample ? AddSample(name) : Skip(name);
  }

  static absl::Status CheckKind(archive_entry* entry, absl::string_view name) {
    if (archive_entry_hardlink(entry) != nullptr) return Refused(name, "is a hard link; pack the file itself");
    switch (archive_entry_filetype(entry)) {
      case AE_IFREG:
      case AE_IFDIR:
        return absl::OkStatus();
      case AE_IFLNK:
        return Refused(name, "is a symbolic link; pack the file itself");
      default:
        return Refused(name, "is a device, a pipe or a socket; only files can be samples");
    }
  }

  absl::Status AddSample(const std::string& name) {
    if (static_cast<int64_t>(contents_.samples.size()) >= limits_.samples) {
      return absl::InvalidArgumentError(absl::StrCat("holds more than ", limits_.samples, " samples"));
    }
    DataSet::Sample sample{name, contents_.spool.size(), 0, ""};
    base::Sha256Hasher hasher;
    while (true) {
      ASSIGN_OR_RETURN(const absl::string_view piece, NextPiece(name, sample.size));
      if (piece.empty()) break;
      hasher.Update(piece);
      RETURN_IF_ERROR(contents_.spool.Append(piece));
      sample.size += static_cast<int64_t>(piece.size());
    }
    if (sample.size == 0) return Refused(name, "is empty (0 bytes)");
    sample.digest = hasher.Finish();
    contents_.samples.push_back(std::move(sample));
    return absl::OkStatus();
  }

  // Reads it rather than have it skipped, so that the limits hold for it, too.
  absl::Status Skip(const std::string& name) {
    int64_t size = 0;
    while (true) {
      ASSIGN_OR_RETURN(const absl::string_view piece, NextPiece(name, size));
      if (piece.empty()) return absl::OkStatus();
      size += static_cast<int64_t>(piece.size());
    }
  }

  // The next bytes of a member of which `done` were read; empty at its end.
  absl::StatusOr<absl::string_view> NextPiece(const std::string& name, int64_t done) {
    const la_ssize_t count = archive_read_data(reader_.get(), piece_.data(), piece_.size());
    // Here a warning is one of contents: a wrong checksum, a wrong size.
    if (count < 0) return Damaged(name);
    total_ += count;
    if (done + count > limits_.bytes_per_member) {
      return Refused(name, absl::StrCat("has more than the ", limits_.bytes_per_member, " bytes allowed"));
    }
    if (total_ > limits_.total_bytes) {
      return Refused(name, absl::StrCat("brings the set over the ", limits_.total_bytes, " bytes allowed"));
    }
    const int64_t packed = archive_filter_bytes(reader_.get(), -1);
    if (total_ > kRatioCountsFrom && total_ / limits_.decompression_ratio > packed) {
      return Refused(name, absl::StrCat("unpacks to more than ", limits_.decompression_ratio,
                                        " times the archive's size, which no photos do"));
    }
    return absl::string_view(piece_.data(), static_cast<size_t>(count));
  }

  // A tar ends with blocks of zeros; where the file ends without, it was cut off between two members.
  absl::Status CheckEnd() const {
    const bool is_tar = (archive_format(reader_.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
    if (!is_tar || archive_filter_bytes(reader_.get(), 0) > archive_read_header_position(reader_.get())) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError("is cut off: the end mark of a tar is missing; pack or copy it again");
  }

  const std::string& path_;
  const Limits& limits_;
  const std::unique_ptr<archive, FreeArchive> reader_;
  std::vector<char> piece_;
  std::unordered_set<std::string> names_;
  DataSet::Contents contents_;
  int64_t members_ = 0;
  int64_t total_ = 0;
};

}  // namespace

absl::StatusOr<DataSet::Contents> ReadArchive(const std::string& path, const Limits& limits) {
  return ArchiveReader(path, limits).Read();
}

}  // namespace joinery::compiler
