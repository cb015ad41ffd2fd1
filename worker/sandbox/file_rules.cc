#include "worker/sandbox/file_rules.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace joinery::worker::sandbox {
namespace {

// As <linux/landlock.h> has it since ABI 6; the kernel takes the size as the version.
struct RulesetAttributes {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;
  uint64_t scoped;
};
constexpr int kFirstAbiWithTruncate = 3;
constexpr int kFirstAbiWithScopes = 6;
constexpr uint64_t kTruncate = 1ULL << 14;
// Abstract Unix sockets and signals.
constexpr uint64_t kScopes = 3;

constexpr uint64_t kReadAndRun =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kUse = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
constexpr uint64_t kOwn = kUse | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                          LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                          LANDLOCK_ACCESS_FS_MAKE_SYM | kTruncate;
constexpr uint64_t kAll = kReadAndRun | kOwn | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                          LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
// The others make sense for folders only, and are refused for files.
constexpr uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;

uint64_t Handled(int abi) { return abi < kFirstAbiWithTruncate ? kAll & ~kTruncate : kAll; }

void AddRule(const std::string& path, uint64_t allowed, FileRules& rules) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return;
  if (!S_ISDIR(info.st_mode)) allowed &= kOfFiles;
  rules.rules.push_back({path, allowed & Handled(rules.abi)});
}

}  // namespace

int LandlockAbi() {
  const auto abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return abi < 0 ? 0 : static_cast<int>(abi);
}

FileRules MakeFileRules(int abi, const std::vector<std::string>& readable, const std::vector<std::string>& devices,
                        const std::string& folder) {
  FileRules rules{.abi = abi, .rules = {}};
  for (const std::string& path : readable) AddRule(path, kReadAndRun, rules);
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    AddRule(device, kUse, rules);
  }
  for (const std::string& device : devices) AddRule(device, kUse, rules);
  for (const char* file : {"/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/self"}) {
    AddRule(file, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, rules);
  }
  AddRule(folder, kOwn, rules);
  return rules;
}

bool ApplyFileRules(const FileRules& rules) {
  RulesetAttributes attributes{Handled(rules.abi), 0, rules.abi >= kFirstAbiWithScopes ? kScopes : 0};
  const size_t size = rules.abi >= kFirstAbiWithScopes ? sizeof(attributes) : sizeof(attributes.handled_access_fs);
  const auto ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return false;
  for (const FileRules::Rule& rule : rules.rules) {
    const int parent = open(rule.path.c_str(), O_PATH | O_CLOEXEC);
    if (parent < 0) continue;
    landlock_path_beneath_attr beneath{};
    beneath.allowed_access = rule.allowed;
    beneath.parent_fd = parent;
    const bool added = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
    close(parent);
    if (!added) return false;
  }
  const bool applied = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  close(ruleset);
  return applied;
}

}  // namespace joinery::worker::sandbox
