#include "storage/sqlite/schema.h"

#include <cstdint>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "storage/sqlite/migrations.h"

namespace joinery::storage {
namespace {

constexpr int64_t kNewestVersion = std::size(migrations::kAll);

absl::StatusOr<int64_t> SchemaVersion(Database& database) {
  static constexpr char kUserVersion[] = "PRAGMA user_version";
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(kUserVersion));
  RETURN_IF_ERROR(statement->Step().status());
  return statement->Integer("user_version");
}

absl::StatusOr<int64_t> KnownVersion(Database& database) {
  ASSIGN_OR_RETURN(const int64_t version, SchemaVersion(database));
  if (version <= kNewestVersion) return version;
  return absl::FailedPreconditionError(absl::StrCat(database.path(), " has schema version ", version,
                                                    ", the newest known here is ", kNewestVersion,
                                                    ": use the newer joineryd that wrote it"));
}

}  // namespace

absl::Status CheckSchema(Database& database) { return KnownVersion(database).status(); }

absl::Status MigrateSchema(Database& database) {
  ASSIGN_OR_RETURN(const int64_t version, KnownVersion(database));
  for (int64_t step = version; step < kNewestVersion; ++step) {
    const absl::Status status = InTransaction(database, [&]() -> absl::Status {
      RETURN_IF_ERROR(database.Execute(migrations::kAll[step]));
      return database.Execute(absl::StrCat("PRAGMA user_version = ", step + 1));
    });
    RETURN_IF_ERROR(base::Annotate(status, absl::StrCat("migrating to schema version ", step + 1)));
  }
  return absl::OkStatus();
}

}  // namespace joinery::storage
