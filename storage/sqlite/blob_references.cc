#include "storage/sqlite/blob_references.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "joinery/v1/jobs.pb.h"
#include "storage/blob_refs.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

absl::StatusOr<bool> HasTable(Database& database, absl::string_view name) {
  static constexpr char kFindTable[] = "SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = :name";
  ASSIGN_OR_RETURN(const auto row, database.Prepare(kFindTable));
  return row->BindText(":name", name).Step();
}

}  // namespace

absl::Status ForEachReference(Database& database, const std::function<absl::Status(const BlobReference&)>& take) {
  ASSIGN_OR_RETURN(const bool any, HasTable(database, "jobs"));
  if (!any) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListJobBlobs));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return absl::OkStatus();
    const std::string id = rows->Text("id");
    v1::JobSpec spec;
    v1::JobResult result;
    if (!spec.ParseFromString(rows->Blob("spec")) || !result.ParseFromString(rows->Blob("result"))) {
      return absl::DataLossError(absl::StrCat(database.path(), ": job ", id, " cannot be read"));
    }
    const auto take_of_job = [&](const std::string& field, const v1::BlobRef& blob) {
      return take({.job_id = id, .field = field, .blob = blob});
    };
    RETURN_IF_ERROR(ForEachBlobRef(spec, "spec", take_of_job));
    RETURN_IF_ERROR(ForEachBlobRef(result, "result", take_of_job));
  }
}

absl::Status ForEachOwner(Database& database,
                          const std::function<absl::Status(const std::string& project, const OwnedBlob&)>& take) {
  ASSIGN_OR_RETURN(const bool any, HasTable(database, "blob_owners"));
  if (!any) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListBlobOwners));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return absl::OkStatus();
    RETURN_IF_ERROR(take(rows->Text("project"), {.digest = rows->Text("digest"), .size = rows->Integer("size")}));
  }
}

absl::StatusOr<std::vector<std::string>> CheckIntegrity(Database& database) {
  static constexpr char kIntegrity[] = "PRAGMA integrity_check";
  static constexpr char kForeignKeys[] = "PRAGMA foreign_key_check";
  std::vector<std::string> problems;
  ASSIGN_OR_RETURN(const auto integrity, database.Prepare(kIntegrity));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, integrity->Step());
    if (!row) break;
    if (integrity->Text("integrity_check") != "ok") problems.push_back(integrity->Text("integrity_check"));
  }
  ASSIGN_OR_RETURN(const auto keys, database.Prepare(kForeignKeys));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, keys->Step());
    if (!row) return problems;
    problems.push_back(absl::StrCat("a row of ", keys->Text("table"), " refers to none of ", keys->Text("parent")));
  }
}

}  // namespace joinery::storage
