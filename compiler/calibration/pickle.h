// Data out of a Python pickle: what it says is read, and nothing of it is executed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace joinery::compiler {

// One value. Where Python would call something, that call is told of.
struct PickleValue {
  enum class Kind {
    kNone,
    kBool,
    kInt,
    kText,
    kBytes,
    kTuple,
    kList,
    // Items are key, value, key, value...
    kDict,
    // What the pickle names of Python's: module and name in `text` and `name`.
    kGlobal,
    // Items are what is called, its arguments and, where there is one, the state it is given afterwards.
    kCall,
  };
  Kind kind = Kind::kNone;
  int64_t number = 0;
  // Of the pickle's own bytes, which must outlive it.
  absl::string_view text = {};
  absl::string_view name = {};
  // Indices in Pickle.values. They may go round in circles.
  std::vector<size_t> items = {};
};

struct Pickle {
  std::vector<PickleValue> values;
  // The index of what was pickled.
  size_t result = 0;
};

// Protocols 2 to 5, of which the opcodes that NumPy needs for dictionaries of arrays; at most 65536 values. For
// everything else kInvalidArgument.
// Source: pickletools.py of CPython, which describes every opcode.
absl::StatusOr<Pickle> ReadPickle(absl::string_view bytes);

}  // namespace joinery::compiler
