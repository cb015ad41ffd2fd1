// A calibration set: the samples of a folder or of an archive, in name order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/calibration/spool_file.h"

namespace joinery::compiler {

// What a set may hold at most. More is refused: sets come from people the machine does not know.
struct Limits {
  int64_t samples = 100'000;
  // Of an archive or folder, samples or not.
  int64_t members = 200'000;
  int64_t bytes_per_member = int64_t{512} << 20;
  // Of all members together, unpacked.
  int64_t total_bytes = int64_t{16} << 30;
  size_t name_length = 1024;
  // Bytes unpacked for each byte of the archive, once more than 1 MiB is unpacked.
  int64_t decompression_ratio = 1000;
  // Where an archive's samples are unpacked to, into a file without a name. Empty: $TMPDIR, or else /tmp.
  std::string spool_folder;
};

// Immutable; all methods are thread-safe.
class DataSet {
 public:
  // `path` is a folder (with its sub-folders), or a tar (plain or compressed by gzip, bzip2, xz or zstd) or zip.
  //
  // Samples are files whose name ends in jpg, jpeg, png, npy or bin, in any case. Others are noted and left out, hidden
  // ones (a name or a folder that begins with a dot) without a note. Names are relative, with "/" between folders, and
  // no name is ever created on disk.
  //
  // kInvalidArgument, naming the set and the member, if the archive is damaged or cut off; if a member is a link, a
  // device or a pipe, or its name is absolute, contains "..", a backslash, a drive letter or a control character, or
  // occurs twice; if a sample is empty or there is none; if more than `limits` is there. In a folder, links and special
  // files are not followed but noted.
  static absl::StatusOr<DataSet> Open(const std::string& path, const Limits& limits);

  // As it was given to Open.
  const std::string& path() const { return path_; }
  size_t size() const { return samples_.size(); }
  const std::string& name(size_t index) const { return samples_[index].name; }

  // The bytes of a sample. kFailedPrecondition if a file of a folder was changed since Open.
  absl::StatusOr<std::string> Read(size_t index) const;

  // CalibrationSet.digest of manifest.proto, of the first `count` samples (of all, if there are fewer).
  std::string Digest(size_t count) const;

  // A sentence for each file that was left out; the last one counts those beyond a hundred.
  const std::vector<std::string>& notes() const { return notes_; }

  struct Sample {
    std::string name;
    // In the spool file; not used for a folder.
    int64_t offset = 0;
    int64_t size = 0;
    // SHA-256 of the bytes.
    std::string digest;
  };
  // What is found at a path, in any order and number.
  struct Contents {
    std::vector<Sample> samples;
    std::vector<std::string> notes;
    // Not valid for a folder.
    SpoolFile spool;
  };

 private:
  DataSet(std::string path, Contents contents);

  std::string path_;
  std::vector<Sample> samples_;
  std::vector<std::string> notes_;
  SpoolFile spool_;
};

}  // namespace joinery::compiler
