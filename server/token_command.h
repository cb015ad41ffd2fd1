// `joineryd token create`: the first token is made on the server's own host, where there is nobody to ask yet.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace joinery::server {

// Declares the command with its options; must not outlive `app`.
class TokenCommand {
 public:
  explicit TokenCommand(CLI::App& app);

  // If the command line asked for it: makes the token in the data folder, whether or not a server runs there, and
  // writes it to `out`, in a line of its own. The exit code, or what went wrong; nullopt if it was not asked for.
  std::optional<absl::StatusOr<int>> Run(const std::string& data_folder, std::ostream& out);

 private:
  absl::Status Create(const std::string& data_folder, std::ostream& out);

  CLI::App* create_;
  std::string user_;
  std::string project_ = "default";
  std::vector<std::string> scopes_ = {"submit"};
  std::string expires_ = "90d";
  std::string note_;
};

}  // namespace joinery::server
