#include "storage/sqlite/writer.h"

#include <algorithm>

#include "base/status.h"
#include "storage/sqlite/schema.h"

namespace joinery::storage {
namespace {

// A write takes about 0.1 ms besides the disk's time for the commit.
constexpr size_t kMaxBatch = 256;

constexpr char kEmptyLog[] = "PRAGMA wal_checkpoint(TRUNCATE)";
constexpr char kBegin[] = "BEGIN IMMEDIATE";
constexpr char kCommit[] = "COMMIT";
constexpr char kSavepoint[] = "SAVEPOINT one";
constexpr char kRelease[] = "RELEASE one";

// As Database::Execute, but prepared once.
absl::Status Execute(Database& database, const char* sql) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(sql));
  return statement->Run();
}

absl::Status RunInSavepoint(Database& database, absl::FunctionRef<absl::Status(Database&)> body) {
  RETURN_IF_ERROR(Execute(database, kSavepoint));
  const absl::Status status = body(database);
  if (status.ok()) return Execute(database, kRelease);
  // SQLite may have rolled back everything by itself already; the caller notices that.
  database.Execute("ROLLBACK TO one; RELEASE one").IgnoreError();
  return status;
}

// Made before the Write that refers to it.
struct KeptBody {
  const std::function<absl::Status(Database&)> kept_body;
};

}  // namespace

// Each has a condition of its own, since those of a commit are not to wake one after the other.
struct Writer::AwaitedWrite : Writer::Write {
  using Write::Write;

  void Wait() {
    std::unique_lock lock(mutex);
    woken.wait(lock, [this] { return done; });
  }

  void Answer() override {
    // Under the lock: whoever waits may not be gone before this has returned.
    const std::lock_guard lock(mutex);
    done = true;
    woken.notify_one();
  }

  std::mutex mutex;
  std::condition_variable woken;
  bool done = false;
};

struct Writer::StartedWrite : KeptBody, Writer::Write {
  StartedWrite(Durability durability_in, std::function<absl::Status(Database&)> body_in,
               std::function<void(const absl::Status&)> done_in)
      : KeptBody{std::move(body_in)}, Write(durability_in, kept_body), done(std::move(done_in)) {}

  void Answer() override {
    done(status);
    delete this;
  }

  const std::function<void(const absl::Status&)> done;
};

Writer::Writer(std::unique_ptr<Database> database, std::unique_ptr<Database> waiting)
    : database_(std::move(database)),
      waiting_(std::move(waiting)),
      committer_([this] { CommitUntilClosed(); }),
      syncer_([this] { SyncUntilClosed(); }),
      answerer_([this] { AnswerUntilClosed(); }) {}

absl::StatusOr<std::shared_ptr<Writer>> Writer::Open(const std::string& path, const std::string& vfs) {
  {
    ASSIGN_OR_RETURN(const auto database, Database::Open(path, Durability::kPowerLoss, vfs));
    RETURN_IF_ERROR(MigrateSchema(*database));
  }
  ASSIGN_OR_RETURN(auto database, Database::Open(path, Durability::kProcessCrash, vfs));
  ASSIGN_OR_RETURN(auto waiting, Database::Open(path, Durability::kProcessCrash, vfs));
  return std::make_shared<Writer>(std::move(database), std::move(waiting));
}

Writer::~Writer() {
  to_commit_.Close();
  committer_.join();
  to_sync_.Close();
  syncer_.join();
  to_answer_.Close();
  answerer_.join();
}

void Writer::Line::Add(const std::vector<Write*>& more) {
  const std::lock_guard lock(mutex);
  if (writes.empty()) changed.notify_one();
  writes.insert(writes.end(), more.begin(), more.end());
}

std::vector<Writer::Write*> Writer::Line::Take(size_t limit) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [this] { return closed || !writes.empty(); });
  const auto end = writes.begin() + static_cast<std::ptrdiff_t>(std::min(writes.size(), limit));
  std::vector<Write*> taken(writes.begin(), end);
  writes.erase(writes.begin(), end);
  return taken;
}

void Writer::Line::Close() {
  const std::lock_guard lock(mutex);
  closed = true;
  changed.notify_one();
}

absl::Status Writer::Run(Durability durability, absl::FunctionRef<absl::Status(Database&)> body) {
  AwaitedWrite write(durability, body);
  to_commit_.Add({&write});
  write.Wait();
  return write.status;
}

void Writer::Start(Durability durability, std::function<absl::Status(Database&)> body,
                   std::function<void(const absl::Status&)> done) {
  // Deletes itself.
  to_commit_.Add({new StartedWrite(durability, std::move(body), std::move(done))});
}

void Writer::CommitUntilClosed() {
  while (true) {
    const std::vector<Write*> batch = to_commit_.Take(kMaxBatch);
    if (batch.empty()) return;
    Commit(batch);
    std::vector<Write*> to_sync;
    std::vector<Write*> to_answer;
    for (Write* const write : batch) {
      const bool must_wait = write->durability == Durability::kPowerLoss && write->status.ok();
      (must_wait ? to_sync : to_answer).push_back(write);
    }
    if (!to_sync.empty()) to_sync_.Add(to_sync);
    if (!to_answer.empty()) to_answer_.Add(to_answer);
  }
}

void Writer::SyncUntilClosed() {
  while (true) {
    const std::vector<Write*> batch = to_sync_.Take(kMaxBatch);
    if (batch.empty()) return;
    const absl::Status synced = waiting_->SyncLog();
    if (!synced.ok()) unsure_ = true;
    for (Write* const write : batch) write->status = synced;
    to_answer_.Add(batch);
  }
}

void Writer::AnswerUntilClosed() {
  while (true) {
    const std::vector<Write*> done = to_answer_.Take(kMaxBatch);
    if (done.empty()) return;
    for (Write* const write : done) write->Answer();
  }
}

absl::Status Writer::Begin() {
  if (unsure_) {
    // What the kernel could not write it may have forgotten: to wait again would answer for what is not there. SQLite
    // copies all of the log to where it belongs, and begins a new one.
    ASSIGN_OR_RETURN(const auto row, database_->Prepare(kEmptyLog));
    RETURN_IF_ERROR(row->Step().status());
    if (row->Integer("busy") != 0) return absl::UnavailableError("the log of the database is in use; try again");
    unsure_ = false;
  }
  return Execute(*database_, kBegin);
}

void Writer::Commit(const std::vector<Write*>& batch) {
  absl::Status common = Begin();
  for (Write* const write : batch) {
    if (!common.ok()) break;
    write->status = RunInSavepoint(*database_, write->body);
    // An error of the disk ends the whole transaction.
    if (!write->status.ok() && !database_->in_transaction()) common = write->status;
  }
  if (common.ok()) common = Execute(*database_, kCommit);
  if (common.ok()) return;
  // SQLite may have rolled back by itself already; then this has nothing to do and its error means nothing.
  database_->Execute("ROLLBACK").IgnoreError();
  for (Write* const write : batch) {
    if (write->status.ok()) write->status = common;
  }
}

}  // namespace joinery::storage
