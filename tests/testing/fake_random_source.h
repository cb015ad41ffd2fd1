// Random bytes that are the same in every run. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "storage/random_source.h"

namespace joinery::testing {

inline storage::RandomSource FakeRandomSource(unsigned seed) {
  struct State {
    explicit State(unsigned seed_value) : engine(seed_value) {}
    std::mutex mutex;
    std::mt19937 engine;
  };
  return [state = std::make_shared<State>(seed)](size_t count) {
    const std::scoped_lock lock(state->mutex);
    std::string bytes(count, '\0');
    for (char& byte : bytes) byte = static_cast<char>(state->engine());
    return bytes;
  };
}

}  // namespace joinery::testing
