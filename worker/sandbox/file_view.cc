#include "worker/sandbox/file_view.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace joinery::worker::sandbox {
namespace {

// A folder that every host has, for the moment between making the new root and entering it.
constexpr char kStage[] = "/tmp";

std::string Relative(const std::string& path) { return path.substr(path.find_first_not_of('/')); }

bool Covers(const std::string& outer, const std::string& path) {
  return path == outer || absl::StartsWith(path, outer + "/");
}

// Lays a view out. Parents come before their children.
class Layout {
 public:
  explicit Layout(FileView& view) : view_(view) {}

  // The host's file or folder at `path`, if there is one.
  void AddReadable(const std::string& path) {
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) return;
    if (S_ISLNK(info.st_mode) && path.rfind('/') == 0) {
      // Such as /lib, which is usr/lib on most hosts.
      std::array<char, PATH_MAX> target{};
      if (readlink(path.c_str(), target.data(), target.size() - 1) > 0) {
        view_.links.emplace_back(target.data(), Relative(path));
      }
      return;
    }
    if (stat(path.c_str(), &info) == 0) {
      Add({.path = path, .writable = false, .may_run = true, .is_device = false}, S_ISDIR(info.st_mode));
    }
  }

  void AddDevice(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) == 0) {
      Add({.path = path, .writable = true, .may_run = false, .is_device = true}, /*is_folder=*/false);
    }
  }

  void AddOwnFolder(const std::string& path) {
    AddFolder(path);
    view_.mounts.push_back({.path = path, .writable = true, .may_run = false, .is_device = false});
  }

  void AddFolder(const std::string& path) {
    const std::filesystem::path whole(path);
    if (whole.has_parent_path() && whole.parent_path() != whole) AddFolder(whole.parent_path());
    if (path == "/" || HasFolder(path)) return;
    view_.folders.push_back(Relative(path));
  }

 private:
  void Add(const FileView::Mount& mount, bool is_folder) {
    const auto covers = [&](const FileView::Mount& other) { return Covers(other.path, mount.path); };
    if (std::any_of(view_.mounts.begin(), view_.mounts.end(), covers)) return;
    const auto leads_to = [&](const auto& link) { return Covers("/" + link.second, mount.path); };
    if (std::any_of(view_.links.begin(), view_.links.end(), leads_to)) return;
    if (is_folder) {
      AddFolder(mount.path);
    } else {
      AddFolder(std::filesystem::path(mount.path).parent_path());
      view_.empty_files.push_back(Relative(mount.path));
    }
    view_.mounts.push_back(mount);
  }

  bool HasFolder(const std::string& path) const {
    return std::find(view_.folders.begin(), view_.folders.end(), Relative(path)) != view_.folders.end();
  }

  FileView& view_;
};

// The C library has no name for it.
int PivotRoot(const char* new_root, const char* put_old) {
  return static_cast<int>(syscall(SYS_pivot_root, new_root, put_old));
}

bool Restrict(int tree, const FileView::Mount& mount) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_NOSUID;
  if (!mount.is_device) attributes.attr_set |= MOUNT_ATTR_NODEV;
  if (!mount.may_run) attributes.attr_set |= MOUNT_ATTR_NOEXEC;
  if (!mount.writable) attributes.attr_set |= MOUNT_ATTR_RDONLY;
  return mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof(attributes)) == 0;
}

const char* FillRoot(const FileView& view) {
  // First, since much of what follows may lie in it.
  if (mkdir("tmp", 0755) != 0) return "make a folder of its root";
  if (mount("tmpfs", "tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m,mode=1777") != 0) return "mount /tmp";
  for (const std::string& folder : view.folders) {
    if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) return "make a folder of its root";
  }
  for (const std::string& file : view.empty_files) {
    const int fd = open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return "make a place for a file";
    close(fd);
  }
  for (const auto& [target, path] : view.links) {
    if (symlink(target.c_str(), path.c_str()) != 0) return "make a link in its root";
  }
  if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return "mount /proc";
  for (const FileView::Mount& file : view.mounts) {
    if (move_mount(file.tree, "", AT_FDCWD, file.path.c_str() + 1, MOVE_MOUNT_F_EMPTY_PATH) != 0) {
      return "place a file in its root";
    }
    close(file.tree);
  }
  return nullptr;
}

}  // namespace

FileView MakeFileView(const std::vector<std::string>& readable, const std::vector<std::string>& devices,
                      const std::string& folder) {
  FileView view;
  view.folder = folder;
  Layout layout(view);
  for (const char* path : {"/proc", "/tmp", "/dev"}) layout.AddFolder(path);
  for (const std::string& path : readable) layout.AddReadable(path);
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    layout.AddDevice(device);
  }
  for (const std::string& device : devices) layout.AddDevice(device);
  layout.AddOwnFolder(folder);
  std::stable_sort(view.mounts.begin(), view.mounts.end(),
                   [](const FileView::Mount& a, const FileView::Mount& b) { return a.path.size() < b.path.size(); });
  return view;
}

const char* TakeHostFiles(const FileView& view) {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "leave the host's mounts";
  for (const FileView::Mount& file : view.mounts) {
    file.tree = open_tree(AT_FDCWD, file.path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
    if (file.tree < 0) return "take a file into its view";
    if (!Restrict(file.tree, file)) return "restrict a file of its view";
  }
  return nullptr;
}

const char* EnterFileView(const FileView& view) {
  if (mount("tmpfs", kStage, "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=0755") != 0) return "make its root";
  if (chdir(kStage) != 0) return "enter its root";
  if (const char* step = FillRoot(view); step != nullptr) return step;
  // The old root lies on top of the new one for a moment, and is taken off by its "..".
  if (PivotRoot(".", ".") != 0) return "change its root";
  if (umount2(".", MNT_DETACH) != 0) return "drop the host's root";
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (mount_setattr(AT_FDCWD, "/", 0, &attributes, sizeof(attributes)) != 0) return "close its root";
  return nullptr;
}

}  // namespace joinery::worker::sandbox
