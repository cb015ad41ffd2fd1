#include "storage/sqlite/workers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

absl::StatusOr<v1::Capabilities> CapabilitiesOfRow(const Statement& row) {
  v1::Capabilities capabilities;
  if (capabilities.ParseFromString(row.Blob("capabilities"))) return capabilities;
  return absl::DataLossError("the stored capabilities of a worker are damaged");
}

}  // namespace

absl::StatusOr<bool> TouchWorker(Database& database, const WorkerInfo& worker, const Moment& now) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kTouchWorker));
  row->BindText(":name", worker.name)
      .BindText(":compiler_version", worker.compiler_version)
      .BindBlob(":capabilities", worker.capabilities.SerializeAsString())
      .BindInteger(":now", absl::ToUnixNanos(now.time))
      .BindInteger(":queue_now", now.queue);
  RETURN_IF_ERROR(row->Step().status());
  return row->Integer("drained") == 0 && row->Integer("rests_until") <= now.queue;
}

absl::Status TouchKnownWorker(Database& database, const std::string& name, const Moment& now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kTouchKnownWorker));
  return statement->BindText(":name", name)
      .BindInteger(":now", absl::ToUnixNanos(now.time))
      .BindInteger(":queue_now", now.queue)
      .Run();
}

absl::Status NoteWorkerLoss(Database& database, const std::string& name, const Moment& now) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kNoteWorkerLoss));
  return statement->BindText(":name", name).BindInteger(":queue_now", now.queue).Run();
}

absl::Status ForgiveWorker(Database& database, const std::string& name) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kForgiveWorker));
  return statement->BindText(":name", name).Run();
}

absl::StatusOr<std::vector<WorkerRecord>> ListWorkers(Database& database, int64_t since) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListWorkers));
  rows->BindInteger(":since", since);
  std::vector<WorkerRecord> workers;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return workers;
    ASSIGN_OR_RETURN(v1::Capabilities capabilities, CapabilitiesOfRow(*rows));
    workers.push_back(WorkerRecord{.name = rows->Text("name"),
                                   .compiler_version = rows->Text("compiler_version"),
                                   .last_seen_at = absl::FromUnixNanos(rows->Integer("last_seen_at")),
                                   .job_id = rows->Text("job_id"),
                                   .capabilities = std::move(capabilities),
                                   .drained = rows->Integer("drained") != 0});
  }
}

absl::StatusOr<std::vector<v1::Capabilities>> ListLiveCapabilities(Database& database, int64_t since) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListLiveWorkers));
  rows->BindInteger(":since", since);
  std::vector<v1::Capabilities> live;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return live;
    ASSIGN_OR_RETURN(v1::Capabilities capabilities, CapabilitiesOfRow(*rows));
    live.push_back(std::move(capabilities));
  }
}

absl::Status DrainWorker(Database& database, const std::string& name, bool drained) {
  ASSIGN_OR_RETURN(const auto row, database.Prepare(statements::kSetWorkerDrain));
  ASSIGN_OR_RETURN(const bool known, row->BindText(":name", name).BindInteger(":drained", drained ? 1 : 0).Step());
  if (known) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no worker ", name));
}

}  // namespace joinery::storage
