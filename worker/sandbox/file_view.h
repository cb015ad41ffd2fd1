// The files that a compiler in a mount namespace of its own has before it: a few of the host's, at their own paths.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace joinery::worker::sandbox {

// Everything is laid out beforehand, because it is carried out between fork and exec. Paths are absolute.
struct FileView {
  struct Mount {
    std::string path;
    bool writable;
    bool may_run;
    bool is_device;
    // Filled in while it is carried out.
    mutable int tree = -1;
  };
  // In the order in which they are made; each path without its leading '/'.
  std::vector<std::string> folders;
  std::vector<std::string> empty_files;
  // What they point to, and where they are.
  std::vector<std::pair<std::string, std::string>> links;
  // Outer ones first.
  std::vector<Mount> mounts;
  std::string folder;
};

// A root in memory that nobody can write to, with `readable` (files or folders; those that do not exist are left out;
// symbolic links stay what they are), the usual devices and `devices`, /proc of the own processes, 64 MiB of /tmp, and
// `folder`, which can be written to.
FileView MakeFileView(const std::vector<std::string>& readable, const std::vector<std::string>& devices,
                      const std::string& folder);

// The two halves of making it the view of the calling process, which is alone in new mount, user and process namespaces
// and the first of the latter. Between them the process may become another user: the first half needs the rights over
// the host's files, the second those over new ones. Only system calls. On failure they return the name of the step, and
// errno; nullptr if all went well.
const char* TakeHostFiles(const FileView& view);
const char* EnterFileView(const FileView& view);

}  // namespace joinery::worker::sandbox
