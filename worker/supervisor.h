// The process between the worker and its child: builds the child's surroundings, starts it, and sees to it that nothing
// it started outlives it.
#pragma once

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <csignal>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/sandbox/file_rules.h"
#include "worker/sandbox/file_view.h"

namespace joinery::worker {

// To the supervisor: end the child and everything it started. SIGTERM is passed on to the child's process group.
inline constexpr int kEndSignal = SIGUSR1;

// In a user namespace everybody is nobody.
inline constexpr uid_t kNobody = 65534;

struct Limit {
  __rlimit_resource resource;
  rlimit value;
};

// All that is needed between fork and exec, made before: a fork of a program with threads may not allocate.
struct Preparation {
  // Each ends with a null pointer.
  std::vector<char*> argv;
  std::vector<char*> envp;
  std::vector<Limit> limits;
  std::string folder;
  // With a view, the process is the first of its namespaces; without, it is an ordinary one.
  std::optional<sandbox::FileView> view;
  std::optional<sandbox::FileRules> rules;
  std::vector<sock_filter> call_filter;
  // The memory that holds the worker's command line, which is nobody else's business.
  std::pair<char*, size_t> command_line;
  // Descriptors: what the child has as 0, 1 and 2, and 3.
  int null_fd;
  int output_fd;
  int events_fd;
  // Where a ChildError goes, where the child's wait status goes (an int), and where a byte comes from when it is time
  // to begin; its other end is open for as long as the worker lives.
  int error_fd;
  int status_fd;
  int go_fd;
};

// What went wrong before the child's program ran.
struct ChildError {
  int errno_value;
  std::array<char, 48> step;
};

// The supervisor's life, to be called right after the fork. Only system calls that are safe there.
[[noreturn]] void Supervise(const Preparation& preparation);

}  // namespace joinery::worker
