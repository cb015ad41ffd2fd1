// What people are told about the quantization that a model brings along.
#pragma once

#include <string>
#include <vector>

namespace joinery::compiler {

// Says each thing once: of what it was noted first, and how often.
class ImportNotes {
 public:
  void Add(const std::string& what, const std::string& of);

  // In the order in which they were noted first.
  std::vector<std::string> Lines() const;

 private:
  struct Entry {
    std::string what;
    std::string of;
    int count;
  };
  std::vector<Entry> entries_;
};

}  // namespace joinery::compiler
