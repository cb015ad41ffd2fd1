#include "worker/process_memory.h"

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/file.h"

namespace joinery::worker {
namespace {

constexpr int64_t kLargestFile = int64_t{1} << 20;
constexpr size_t kMostProcesses = 4096;

std::string ReadProc(pid_t pid, absl::string_view name) {
  return base::ReadFile(absl::StrCat("/proc/", pid, "/", name), kLargestFile).value_or("");
}

// The kernel keeps children by the thread that started them.
std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code error;
  std::filesystem::directory_iterator thread(absl::StrCat("/proc/", pid, "/task"), error);
  for (const std::filesystem::directory_iterator end; !error && thread != end; thread.increment(error)) {
    const std::string text = base::ReadFile(thread->path().string() + "/children", kLargestFile).value_or("");
    for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipWhitespace())) {
      pid_t child = 0;
      if (absl::SimpleAtoi(word, &child)) children.push_back(child);
    }
  }
  return children;
}

std::vector<pid_t> DescendantsOf(pid_t ancestor) {
  std::vector<pid_t> found = ChildrenOf(ancestor);
  for (size_t i = 0; i < found.size() && found.size() < kMostProcesses; ++i) {
    const std::vector<pid_t> children = ChildrenOf(found[i]);
    found.insert(found.end(), children.begin(), children.end());
  }
  return found;
}

// Of lines such as "RssAnon:	    1234 kB".
int64_t SumOf(absl::string_view text, std::initializer_list<const char*> fields) {
  int64_t kibibytes = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool is_wanted =
        std::any_of(fields.begin(), fields.end(), [&](const char* field) { return absl::ConsumePrefix(&line, field); });
    int64_t number = 0;
    if (is_wanted && absl::ConsumeSuffix(&line, "kB") && absl::SimpleAtoi(line, &number)) kibibytes += number;
  }
  return kibibytes << 10;
}

}  // namespace

bool HaveMoreMemoryThan(pid_t ancestor, int64_t limit_bytes) {
  const std::vector<pid_t> processes = DescendantsOf(ancestor);
  int64_t at_most = 0;
  for (const pid_t pid : processes) at_most += SumOf(ReadProc(pid, "status"), {"RssAnon:", "RssShmem:"});
  if (at_most <= limit_bytes) return false;
  // A page that several share counts for each of them so far. To know better takes a look at every page.
  int64_t exactly = 0;
  for (const pid_t pid : processes) exactly += SumOf(ReadProc(pid, "smaps_rollup"), {"Pss_Anon:", "Pss_Shmem:"});
  return exactly > limit_bytes;
}

}  // namespace joinery::worker
