#include "storage/sqlite/writer.h"

#include <algorithm>

#include "base/status.h"

namespace joinery::storage {
namespace {

// A commit does not keep those who are in it waiting for much longer than the disk does.
constexpr size_t kMaxBatch = 64;

absl::Status RunInSavepoint(Database& database, absl::FunctionRef<absl::Status(Database&)> body) {
  RETURN_IF_ERROR(database.Execute("SAVEPOINT one"));
  const absl::Status status = body(database);
  if (status.ok()) return database.Execute("RELEASE one");
  // SQLite may have rolled back everything by itself already; the caller notices that.
  database.Execute("ROLLBACK TO one; RELEASE one").IgnoreError();
  return status;
}

}  // namespace

absl::Status Writer::Run(Durability durability, absl::FunctionRef<absl::Status(Database&)> body) {
  Write write{.durability = durability, .body = body, .status = absl::OkStatus()};
  absl::MutexLock lock(&mutex_);
  waiting_.push_back(&write);
  const auto may_go = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return write.done || !led_; };
  while (true) {
    mutex_.Await(absl::Condition(&may_go));
    if (write.done) return write.status;
    led_ = true;
    const std::vector<Write*> batch = TakeBatch();
    mutex_.Unlock();
    Commit(batch);
    mutex_.Lock();
    led_ = false;
    for (Write* const member : batch) member->done = true;
  }
}

std::vector<Writer::Write*> Writer::TakeBatch() {
  const auto end = waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kMaxBatch));
  const std::vector<Write*> batch(waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  return batch;
}

void Writer::Commit(const std::vector<Write*>& batch) {
  const bool durable =
      std::any_of(batch.begin(), batch.end(), [](const Write* w) { return w->durability == Durability::kPowerLoss; });
  Database& database = durable ? *durable_ : *relaxed_;
  absl::Status common = database.Execute("BEGIN IMMEDIATE");
  for (Write* const write : batch) {
    if (!common.ok()) break;
    write->status = RunInSavepoint(database, write->body);
    // An error of the disk ends the whole transaction.
    if (!write->status.ok() && !database.in_transaction()) common = write->status;
  }
  if (common.ok()) common = database.Execute("COMMIT");
  if (common.ok()) return;
  // SQLite may have rolled back by itself already; then this has nothing to do and its error means nothing.
  database.Execute("ROLLBACK").IgnoreError();
  for (Write* const write : batch) {
    if (write->status.ok()) write->status = common;
  }
}

}  // namespace joinery::storage
