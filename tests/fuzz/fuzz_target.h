// A fuzz target: a parser that must take any bytes. In the fuzz preset libFuzzer drives it; in all others
// mutation_main.cc does, with a fixed number of damaged seeds, as a test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// Must return 0, whatever the bytes are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace joinery::fuzz {

// Inputs that are accepted: where mutation begins.
std::vector<std::string> Seeds();

}  // namespace joinery::fuzz
