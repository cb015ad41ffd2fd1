// The database's tables and how older ones become today's: storage/migrations/NNN_name.sql, one a version.
#pragma once

#include "absl/status/status.h"
#include "storage/sqlite/database.h"

namespace joinery::storage {

// Brings the schema to the newest version, each step in a transaction of its own with its number in user_version.
// Errors: kFailedPrecondition the database was written by a newer version, which must be used instead.
absl::Status MigrateSchema(Database& database);

// As MigrateSchema, but changes nothing: for who only looks. An older schema is fine.
absl::Status CheckSchema(Database& database);

}  // namespace joinery::storage
