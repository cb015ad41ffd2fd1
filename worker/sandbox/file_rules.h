// Which files a compiler may open where it cannot have its own view of them (Landlock).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace joinery::worker::sandbox {

// For kernels without Landlock `abi` is 0.
struct FileRules {
  int abi = 0;
  struct Rule {
    std::string path;
    uint64_t allowed;
  };
  std::vector<Rule> rules;
};

// What the running kernel knows: 0 if nothing.
int LandlockAbi();

// Reading and running `readable` (files or folders; those that do not exist are left out), the usual devices and
// `devices`, and all but running in `folder`.
FileRules MakeFileRules(int abi, const std::vector<std::string>& readable, const std::vector<std::string>& devices,
                        const std::string& folder);

// Puts the rules onto the calling thread, for good, and for what it starts. With a kernel that knows how, it can then
// send no signal to processes that were there before. Only system calls. False and errno if the kernel does not want
// it.
bool ApplyFileRules(const FileRules& rules);

}  // namespace joinery::worker::sandbox
