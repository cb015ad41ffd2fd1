// The commands of joineryd that do not serve: fsck, backup, restore, gc, usage.
#pragma once

#include <CLI/CLI.hpp>
#include <iosfwd>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace joinery::server {

// What a command ends with if it did its work and found something wrong, as fsck may.
inline constexpr int kFoundProblems = 1;

struct MaintenanceArguments {
  // The data folder.
  std::string folder;
  // Of backup and restore.
  std::string other_folder;
  bool json = false;
  bool quarantine = false;
  double keep_unused_hours = 24;
};

// Declares the commands and remembers which one was given. Must outlive the parsing of `app`.
class MaintenanceCommands {
 public:
  explicit MaintenanceCommands(CLI::App& app);
  MaintenanceCommands(const MaintenanceCommands&) = delete;
  MaintenanceCommands& operator=(const MaintenanceCommands&) = delete;

  // Runs the command that was given, on the data folder, and answers with the exit code; nullopt if none was.
  std::optional<absl::StatusOr<int>> Run(const std::string& folder, std::ostream& out);

 private:
  using Command = absl::StatusOr<int> (*)(const MaintenanceArguments& arguments, std::ostream& out);

  CLI::App& Declare(CLI::App& app, const std::string& name, const std::string& description, Command command);

  MaintenanceArguments arguments_;
  Command chosen_ = nullptr;
};

}  // namespace joinery::server
