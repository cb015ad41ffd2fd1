#include "compiler/calibration/data_set.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/calibration/member_name.h"
#include "compiler/calibration/read_archive.h"
#include "compiler/calibration/read_folder.h"

namespace joinery::compiler {
namespace {

constexpr size_t kMaxNotes = 100;

bool NameIsLess(const DataSet::Sample& left, const DataSet::Sample& right) { return left.name < right.name; }

absl::Status CheckSamples(const DataSet::Contents& contents) {
  if (!contents.samples.empty()) return absl::OkStatus();
  const std::string first_note = contents.notes.empty() ? "" : absl::StrCat(" (", contents.notes.front(), ")");
  return absl::InvalidArgumentError(
      absl::StrCat("holds no sample", first_note, "; put jpg, png, npy or bin files into it"));
}

void ShortenNotes(std::vector<std::string>& notes) {
  if (notes.size() <= kMaxNotes) return;
  const size_t left_out = notes.size() - kMaxNotes;
  notes.resize(kMaxNotes);
  notes.push_back(absl::StrCat("ignored ", left_out, " more"));
}

absl::StatusOr<DataSet::Contents> ReadContents(const std::string& path, const Limits& limits) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return base::ErrnoStatus(errno, "cannot open");
  DataSet::Contents contents;
  if (S_ISDIR(status.st_mode)) {
    ASSIGN_OR_RETURN(contents, ReadFolder(path, limits));
  } else if (S_ISREG(status.st_mode)) {
    ASSIGN_OR_RETURN(contents, ReadArchive(path, limits));
  } else {
    return absl::InvalidArgumentError("is neither a folder nor a file");
  }
  RETURN_IF_ERROR(CheckSamples(contents));
  return contents;
}

}  // namespace

DataSet::DataSet(std::string path, Contents contents)
    : path_(std::move(path)),
      samples_(std::move(contents.samples)),
      notes_(std::move(contents.notes)),
      spool_(std::move(contents.spool)) {
  std::sort(samples_.begin(), samples_.end(), NameIsLess);
  std::sort(notes_.begin(), notes_.end());
  ShortenNotes(notes_);
}

absl::StatusOr<DataSet> DataSet::Open(const std::string& path, const Limits& limits) {
  absl::StatusOr<Contents> contents = ReadContents(path, limits);
  if (!contents.ok()) return base::Annotate(contents.status(), absl::StrCat("calibration set ", path));
  return DataSet(path, *std::move(contents));
}

absl::StatusOr<std::string> DataSet::Read(size_t index) const {
  const Sample& sample = samples_[index];
  if (spool_.valid()) return spool_.Read(sample.offset, sample.size);
  const std::string path = absl::StrCat(path_, "/", sample.name);
  absl::StatusOr<std::string> bytes = base::ReadFile(path, sample.size);
  if (!bytes.ok() && !absl::IsResourceExhausted(bytes.status())) return bytes.status();
  if (!bytes.ok() || base::Sha256(*bytes) != sample.digest) {
    return absl::FailedPreconditionError(absl::StrCat(path, " was changed while it was used; start again"));
  }
  return bytes;
}

std::string DataSet::Digest(size_t count) const {
  base::Sha256Hasher hasher;
  for (size_t i = 0; i < std::min(count, samples_.size()); ++i) {
    hasher.Update(absl::StrCat(samples_[i].digest, "  ", samples_[i].name, "\n"));
  }
  return hasher.Finish();
}

}  // namespace joinery::compiler
