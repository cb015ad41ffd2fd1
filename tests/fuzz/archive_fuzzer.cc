// A calibration set as an archive.
#include <fcntl.h>

#include <cstdlib>

#include "base/file.h"
#include "compiler/calibration/data_set.h"
#include "tests/compiler/calibration/builders.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/testing/temporary_folder.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joinery;
  static const auto* folder = new testing::TemporaryFolder();
  static const std::string path = *folder / "fuzz.tar";
  const auto file = base::OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok() || !base::WriteAll(file->get(), {reinterpret_cast<const char*>(data), size}, path).ok()) std::abort();
  compiler::Limits limits;
  limits.total_bytes = 1 << 20;
  limits.bytes_per_member = 1 << 20;
  const auto set = compiler::DataSet::Open(path, limits);
  if (!set.ok()) return 0;
  for (size_t i = 0; i < set->size(); ++i) (void)set->Read(i);
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  using namespace joinery::compiler;
  const testing::TemporaryFolder folder;
  std::vector<std::string> seeds;
  for (const ArchiveKind kind : {ArchiveKind::kTar, ArchiveKind::kTarGzip, ArchiveKind::kZip}) {
    WriteArchive(folder / "seed", kind, {{"a.npy", "some bytes"}, {"b/c.jpg", "more bytes"}});
    seeds.push_back(*base::ReadFile(folder / "seed", 1 << 20));
  }
  return seeds;
}
