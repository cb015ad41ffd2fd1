// What keeps a compiler apart from the machine it runs on: what the kernel grants here, and what is put to use.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/work_folder.h"

namespace joinery::worker {

// kAuto: as much as the kernel grants. kFull: namespaces, or the worker does not start. kBasic: no namespaces.
enum class SandboxMode { kAuto, kFull, kBasic };

// How children are kept apart. One that is default-constructed asks for nothing that a kernel could refuse. Whatever it
// says, a child has the limits it was given, no new privileges, none of the worker's descriptors or environment, and
// leaves no process behind.
struct Sandbox {
  // Processes, files, network and IPC of its own.
  bool namespaces = false;
  // Who it is on the host when it has namespaces; in them it is nobody.
  uid_t user = 0;
  gid_t group = 0;
  // Without a view of its own: rules for which files it may open (Landlock's ABI; 0: none).
  int file_rules_abi = 0;
  // System calls are filtered: no sockets above all.
  bool call_filter = false;
  // The program, its libraries, the system's folders and what else it may read.
  std::vector<std::string> readable = {};
};

// A sandbox in which the compiler was seen to run, what became of each measure, and its version.
struct ProvenSandbox {
  Sandbox sandbox;
  // For people; one line a measure, such as "own network: yes".
  std::vector<std::string> report;
  std::string compiler_version;
};

// Tries sandboxes from the tightest that `mode` allows on, by running `compiler_path --version` in them.
// `also_readable`: files and folders besides those that the compiler is known to need.
// Errors: the compiler runs in none · kFailedPrecondition the kernel refuses what kFull asks for.
absl::StatusOr<ProvenSandbox> ProveSandbox(SandboxMode mode, const std::string& compiler_path,
                                           const std::vector<std::string>& also_readable, WorkFolder& work_folder);

}  // namespace joinery::worker
