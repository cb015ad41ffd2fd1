// One at a time writes to the database, and several share a commit: while one waits for the disk, those that came
// meanwhile gather, and the next commit is for all of them.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

// Thread-safe.
class Writer {
 public:
  // Both are connections to the same file, of either durability.
  Writer(std::unique_ptr<Database> durable, std::unique_ptr<Database> relaxed)
      : durable_(std::move(durable)), relaxed_(std::move(relaxed)) {}

  // Calls `body` in a transaction and answers once that was committed, with at least this durability. If `body` fails,
  // nothing of it happened, and its error is the answer; nor did it if the commit failed. Bodies are called one at a
  // time, each in the thread of any caller.
  absl::Status Run(Durability durability, absl::FunctionRef<absl::Status(Database&)> body);

 private:
  struct Write {
    Durability durability;
    absl::FunctionRef<absl::Status(Database&)> body;
    absl::Status status;
    bool done = false;
  };

  std::vector<Write*> TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // By whoever leads; not under the mutex.
  void Commit(const std::vector<Write*>& batch);

  const std::unique_ptr<Database> durable_;
  const std::unique_ptr<Database> relaxed_;
  absl::Mutex mutex_;
  // Some thread is committing.
  bool led_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Write*> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::storage
