#include "server/maintenance/commands.h"

#include <ostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/status.h"
#include "server/blob_access.h"
#include "server/data_folder.h"
#include "server/maintenance/backup.h"
#include "server/maintenance/fsck.h"
#include "server/maintenance/housekeeper.h"
#include "server/maintenance/stored_data.h"
#include "storage/local/blob_store.h"
#include "storage/sqlite/blob_owners.h"

namespace joinery::server {

namespace {

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&quoted, "\\u%04x", static_cast<unsigned>(c));
    } else {
      quoted.push_back(c);
    }
  }
  return quoted + "\"";
}

std::string ProblemAsJson(const Problem& problem) {
  return absl::StrCat("{\"kind\": ", Quoted(problem.kind), ", \"subject\": ", Quoted(problem.subject),
                      ", \"message\": ", Quoted(problem.message), "}");
}

void PrintReport(const FsckReport& report, bool json, std::ostream& out) {
  if (json) {
    std::vector<std::string> problems;
    problems.reserve(report.problems.size());
    for (const Problem& problem : report.problems) problems.push_back(ProblemAsJson(problem));
    out << "{\"blobs\": " << report.blobs << ", \"bytes\": " << report.bytes
        << ", \"references\": " << report.references << ", \"owners\": " << report.owners << ", \"problems\": ["
        << absl::StrJoin(problems, ", ") << "]}\n";
    return;
  }
  for (const Problem& problem : report.problems) {
    out << problem.kind << ' ' << problem.subject << ": " << problem.message << '\n';
  }
  out << (report.problems.empty() ? "clean" : absl::StrCat(report.problems.size(), " problems")) << ": checked "
      << report.blobs << " blobs of " << report.bytes << " bytes, " << report.references << " references of jobs, "
      << report.owners << " of projects\n";
}

int PrintCopy(const CopyReport& report, bool json, std::ostream& out) {
  if (json) {
    std::vector<std::string> missing;
    missing.reserve(report.missing.size());
    for (const std::string& digest : report.missing) missing.push_back(Quoted(digest));
    out << "{\"blobs\": " << report.blobs << ", \"bytes\": " << report.bytes << ", \"linked\": " << report.linked
        << ", \"missing\": [" << absl::StrJoin(missing, ", ") << "]}\n";
  } else {
    for (const std::string& digest : report.missing) out << "missing_blob " << digest << '\n';
    out << "copied " << report.blobs << " blobs of " << report.bytes << " bytes (" << report.linked << " by links)\n";
  }
  return report.missing.empty() ? 0 : kFoundProblems;
}

absl::StatusOr<int> RunFsck(const MaintenanceArguments& arguments, std::ostream& out) {
  ASSIGN_OR_RETURN(const FsckReport report, CheckDataFolder(arguments.folder, {.quarantine = arguments.quarantine}));
  for (const Problem& problem : report.problems) {
    if (!arguments.quarantine || problem.kind != kDamagedBlob) continue;
    RETURN_IF_ERROR(
        AuditAtConsole(arguments.folder, "blob.quarantine", problem.subject, problem.message, base::RealClock().Now()));
  }
  PrintReport(report, arguments.json, out);
  return report.problems.empty() ? 0 : kFoundProblems;
}

absl::StatusOr<int> RunBackup(const MaintenanceArguments& arguments, std::ostream& out) {
  ASSIGN_OR_RETURN(const CopyReport report, Backup(arguments.folder, arguments.other_folder, base::RealClock().Now()));
  return PrintCopy(report, arguments.json, out);
}

absl::StatusOr<int> RunRestore(const MaintenanceArguments& arguments, std::ostream& out) {
  ASSIGN_OR_RETURN(const CopyReport report, Restore(arguments.other_folder, arguments.folder, base::RealClock().Now()));
  return PrintCopy(report, arguments.json, out);
}

absl::StatusOr<int> RunGc(const MaintenanceArguments& arguments, std::ostream& out) {
  const std::string& folder = arguments.folder;
  RETURN_IF_ERROR(OpenDatabase(folder).status());
  ASSIGN_OR_RETURN(const base::UniqueFd lock, ClaimDataFolder(folder));
  const base::RealClock clock;
  storage::RealFileSystem file_system;
  ASSIGN_OR_RETURN(const auto owners, storage::SqliteBlobOwners::Open(folder + "/joinery.db", clock));
  ASSIGN_OR_RETURN(const auto blobs, storage::LocalBlobStore::Open(folder, file_system, clock));
  BlobAccess access(*blobs, *owners);
  HousekeepingOptions options;
  options.folder = folder;
  options.keep_unused = absl::Hours(arguments.keep_unused_hours);
  ASSIGN_OR_RETURN(const GarbageReport report, KeepHouse(options, *blobs, access, clock.Now()));
  RETURN_IF_ERROR(AuditAtConsole(
      folder, "data.gc", "", absl::StrCat("blobs=", report.blobs, " bytes=", report.bytes, " uploads=", report.uploads),
      clock.Now()));
  if (arguments.json) {
    out << "{\"blobs\": " << report.blobs << ", \"bytes\": " << report.bytes << ", \"uploads\": " << report.uploads
        << "}\n";
  } else {
    out << "removed " << report.blobs << " blobs of " << report.bytes << " bytes, " << report.uploads
        << " unfinished uploads\n";
  }
  return 0;
}

absl::StatusOr<int> RunUsage(const MaintenanceArguments& arguments, std::ostream& out) {
  RETURN_IF_ERROR(OpenDatabase(arguments.folder).status());
  const base::RealClock clock;
  ASSIGN_OR_RETURN(const auto owners, storage::SqliteBlobOwners::Open(arguments.folder + "/joinery.db", clock));
  ASSIGN_OR_RETURN(const std::vector<storage::ProjectUsage> usage, owners->Usage());
  std::vector<std::string> objects;
  objects.reserve(usage.size());
  for (const storage::ProjectUsage& project : usage) {
    objects.push_back(absl::StrCat("{\"project\": ", Quoted(project.project), ", \"blobs\": ", project.blobs,
                                   ", \"bytes\": ", project.bytes, "}"));
    if (!arguments.json) out << project.project << "  " << project.blobs << " blobs  " << project.bytes << " bytes\n";
  }
  if (arguments.json) out << "[" << absl::StrJoin(objects, ", ") << "]\n";
  return 0;
}

}  // namespace

MaintenanceCommands::MaintenanceCommands(CLI::App& app) {
  CLI::App& fsck = Declare(app, "fsck",
                           "Check the database, every blob's bytes and every reference, also while a server runs; "
                           "exit code 1 if something is wrong",
                           &RunFsck);
  fsck.add_flag("--quarantine", arguments_.quarantine, "Move damaged blobs aside, so that they can be uploaded again");
  CLI::App& backup = Declare(
      app, "backup", "Copy the database and its blobs to an empty folder, also while a server runs", &RunBackup);
  backup.add_option("DESTINATION", arguments_.other_folder, "Folder to make; linked to if on the same file system")
      ->required();
  CLI::App& restore =
      Declare(app, "restore", "Make a data folder of a backup; the folder must not have anything in it", &RunRestore);
  restore.add_option("SOURCE", arguments_.other_folder, "Folder that backup made")->required();
  CLI::App& gc = Declare(
      app, "gc", "Remove blobs that no job needs, as a running server does from time to time; stop it first", &RunGc);
  gc.add_option("--keep-unused", arguments_.keep_unused_hours,
                "Hours that a blob no job refers to stays after it was last used")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  Declare(app, "usage", "Print how much each project has", &RunUsage);
}

CLI::App& MaintenanceCommands::Declare(CLI::App& app, const std::string& name, const std::string& description,
                                       Command command) {
  CLI::App& subcommand = *app.add_subcommand(name, description);
  // So that --data-dir may follow the command.
  subcommand.fallthrough();
  subcommand.add_flag("--json", arguments_.json, "Print JSON");
  subcommand.callback([this, command] { chosen_ = command; });
  return subcommand;
}

std::optional<absl::StatusOr<int>> MaintenanceCommands::Run(const std::string& folder, std::ostream& out) {
  if (chosen_ == nullptr) return std::nullopt;
  arguments_.folder = folder;
  return chosen_(arguments_, out);
}

}  // namespace joinery::server
