// One at a time writes to the database, and several share a commit and a wait for the disk: while one batch is being
// synchronized, the next is run, and those that come meanwhile gather for the one after it.
//
//   Run ──▶ committer: run, COMMIT ──▶ syncer: wait for the disk ──▶ answerer: wake those who wait
//                                └──── what need not survive a power loss ────┘
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

// Thread-safe. Each step has a thread of its own, so that none waits for another thread to wake. What is committed is
// seen by all at once, but its caller is told only when it is as durable as asked for; what depends on it comes later
// in SQLite's log, and so is never durable without it.
class Writer {
 public:
  // Two connections to the same file, of Durability::kProcessCrash; the second is only for waiting.
  Writer(std::unique_ptr<Database> database, std::unique_ptr<Database> waiting);
  // With the file's newest schema. Errors: those of Database::Open and MigrateSchema.
  static absl::StatusOr<std::shared_ptr<Writer>> Open(const std::string& path, const std::string& vfs);
  // Nobody may be in Run; what was started is finished first.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Calls `body` in a transaction and answers once that was committed, with this durability. If `body` or the commit
  // fails, nothing of it happened. If the wait for the disk fails, it did happen but a power loss may undo it; then all
  // others fail until everything that was committed could be brought to the disk after all. Bodies are called one at a
  // time, in a thread that is not the caller's.
  absl::Status Run(Durability durability, absl::FunctionRef<absl::Status(Database&)> body);

  // Runs `body` as Run does, and calls `done` where Run would return, in a thread that others wait for.
  void Start(Durability durability, std::function<absl::Status(Database&)> body,
             std::function<void(const absl::Status&)> done);

 private:
  struct Write {
    Write(Durability durability_in, absl::FunctionRef<absl::Status(Database&)> body_in)
        : durability(durability_in), body(body_in) {}
    virtual ~Write() = default;
    // It may be gone after this.
    virtual void Answer() = 0;

    const Durability durability;
    const absl::FunctionRef<absl::Status(Database&)> body;
    absl::Status status = absl::OkStatus();
  };
  struct AwaitedWrite;
  struct StartedWrite;
  // Writes on their way from one thread to the next.
  struct Line {
    void Add(const std::vector<Write*>& more);
    // Waits for some; none once it was closed.
    std::vector<Write*> Take(size_t limit);
    void Close();

    std::mutex mutex = {};
    std::condition_variable changed = {};
    std::deque<Write*> writes = {};
    bool closed = false;
  };

  void CommitUntilClosed();
  void SyncUntilClosed();
  void AnswerUntilClosed();
  void Commit(const std::vector<Write*>& batch);
  absl::Status Begin();

  const std::unique_ptr<Database> database_;
  const std::unique_ptr<Database> waiting_;
  // A wait for the disk failed: nobody knows what of the log is there.
  std::atomic<bool> unsure_ = false;
  Line to_commit_;
  Line to_sync_;
  Line to_answer_;
  std::thread committer_;
  std::thread syncer_;
  std::thread answerer_;
};

}  // namespace joinery::storage
