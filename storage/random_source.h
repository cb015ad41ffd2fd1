// Randomness as an argument, so that tests can repeat it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace joinery::storage {

// Gives so many random bytes. Must be thread-safe only if its users say so.
using RandomSource = std::function<std::string(size_t count)>;

// From the operating system; good enough for secrets. Thread-safe. `count` is at most 256.
std::string SystemRandomBytes(size_t count);

}  // namespace joinery::storage
