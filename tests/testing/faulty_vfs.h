// A way to the disk for SQLite, under the name "faulty", whose Nth write or sync fails, or all syncs. Otherwise
// SQLite's own. One store at a time may use it.
#pragma once

#include <sqlite3.h>

#include <atomic>
#include <map>

namespace joinery::testing {

class FaultyVfs {
 public:
  static constexpr char kName[] = "faulty";

  static void Register() {
    static const bool registered = [] {
      original_vfs = sqlite3_vfs_find(nullptr);
      static sqlite3_vfs vfs = *original_vfs;
      vfs.zName = kName;
      vfs.xOpen = &Open;
      return sqlite3_vfs_register(&vfs, /*makeDflt=*/0) == SQLITE_OK;
    }();
    (void)registered;
  }

  // The call with this number, from 1, fails, and all later ones; 0: none.
  static void FailFrom(int call) {
    calls = 0;
    syncs = 0;
    failing_call = call;
  }

  static void FailSyncs(bool fail) { syncs_fail = fail; }

  // Since FailFrom was called last.
  static int Syncs() { return syncs; }

 private:
  static bool Fails() {
    const int call = ++calls;
    return failing_call != 0 && call >= failing_call;
  }

  // The file object stays SQLite's own; only its table of methods is exchanged for one with two other entries. SQLite
  // has one table for the database and another for the log; what writes and syncs is the same in both.
  static int Open(sqlite3_vfs* /*vfs*/, const char* name, sqlite3_file* file, int flags, int* out_flags) {
    const int code = original_vfs->xOpen(original_vfs, name, file, flags, out_flags);
    if (file->pMethods == nullptr) return code;
    original_write = file->pMethods->xWrite;
    original_sync = file->pMethods->xSync;
    static std::map<const sqlite3_io_methods*, sqlite3_io_methods> faulty_methods;
    sqlite3_io_methods& methods = faulty_methods.emplace(file->pMethods, *file->pMethods).first->second;
    methods.xWrite = &Write;
    methods.xSync = &Sync;
    file->pMethods = &methods;
    return code;
  }
  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    return Fails() ? SQLITE_FULL : original_write(file, data, size, offset);
  }
  static int Sync(sqlite3_file* file, int flags) {
    ++syncs;
    return Fails() || syncs_fail ? SQLITE_FULL : original_sync(file, flags);
  }

  static inline sqlite3_vfs* original_vfs = nullptr;
  static inline int (*original_write)(sqlite3_file*, const void*, int, sqlite3_int64) = nullptr;
  static inline int (*original_sync)(sqlite3_file*, int) = nullptr;
  static inline std::atomic<int> calls = 0;
  static inline std::atomic<int> syncs = 0;
  static inline std::atomic<int> failing_call = 0;
  static inline std::atomic<bool> syncs_fail = false;
};

}  // namespace joinery::testing
