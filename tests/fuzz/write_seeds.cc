// In the fuzz preset: `TARGET --write-seeds FOLDER` writes the seeds there, where libFuzzer may begin.
#include <cstdlib>
#include <fstream>

#include "tests/fuzz/fuzz_target.h"

extern "C" int LLVMFuzzerInitialize(const int* argc, char*** argv) {
  if (*argc != 3 || std::string((*argv)[1]) != "--write-seeds") return 0;
  const std::vector<std::string> seeds = joinery::fuzz::Seeds();
  for (size_t i = 0; i < seeds.size(); ++i) {
    std::ofstream((*argv)[2] + ("/seed" + std::to_string(i)), std::ios::binary) << seeds[i];
  }
  std::exit(seeds.empty() ? 1 : 0);
}
