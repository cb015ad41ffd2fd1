// Runs a fuzz target on its seeds, on every prefix and single damaged bit of them (thinned out for long ones), and on
// random mixtures.
//
//   TARGET                  runs; prints how many inputs that were
//   TARGET FILE...          runs these files: to look at what a fuzzer found
//   TARGET --write-seeds D  writes the seeds into folder D, where libFuzzer may begin
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>

#include "tests/fuzz/fuzz_target.h"

namespace joinery::fuzz {
namespace {

constexpr size_t kDamagedPerSeed = 400;
constexpr int kMixtures = 400;

int runs = 0;

void Run(const std::string& input) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
  ++runs;
}

void RunDamaged(const std::string& seed) {
  Run(seed);
  const size_t step = std::max<size_t>(1, seed.size() / kDamagedPerSeed);
  for (size_t i = 0; i < seed.size(); i += step) {
    Run(seed.substr(0, i));
    std::string damaged = seed;
    damaged[i] = static_cast<char>(static_cast<unsigned char>(damaged[i]) ^ (1U << (i / step % 8)));
    Run(damaged);
  }
}

void RunMixtures(const std::vector<std::string>& seeds) {
  std::mt19937 generator(1);
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : generator() % limit; };
  for (int i = 0; i < kMixtures; ++i) {
    const std::string& head = seeds[below(seeds.size())];
    const std::string& tail = seeds[below(seeds.size())];
    std::string mixture = head.substr(0, below(head.size())) + tail.substr(below(tail.size()));
    for (size_t damage = below(8); damage > 0 && !mixture.empty(); --damage) {
      mixture[below(mixture.size())] = static_cast<char>(generator());
    }
    Run(mixture);
  }
}

int Main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const std::vector<std::string> seeds = Seeds();
  if (arguments.size() == 2 && arguments[0] == "--write-seeds") {
    for (size_t i = 0; i < seeds.size(); ++i) {
      std::ofstream(arguments[1] + "/seed" + std::to_string(i), std::ios::binary) << seeds[i];
    }
    return 0;
  }
  for (const std::string& path : arguments) {
    std::ifstream file(path, std::ios::binary);
    Run({std::istreambuf_iterator<char>(file), {}});
  }
  if (arguments.empty()) {
    for (const std::string& seed : seeds) RunDamaged(seed);
    RunMixtures(seeds);
  }
  std::cout << runs << " inputs\n";
  return 0;
}

}  // namespace
}  // namespace joinery::fuzz

int main(int argc, char** argv) { return joinery::fuzz::Main(argc, argv); }
