#include "worker/command_line.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "worker/byte_size.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr int kUsageError = 2;
constexpr size_t kMaxNameBytes = 128;

// Where the two folders lie by default; empty if there is no home.
std::string CacheHome(const Surroundings& surroundings) {
  const std::string xdg = surroundings.environment("XDG_CACHE_HOME");
  if (!xdg.empty()) return xdg;
  const std::string home = surroundings.environment("HOME");
  return home.empty() ? "" : absl::StrCat(home, "/.cache");
}

Settings MakeDefaults(const Surroundings& surroundings) {
  Settings settings;
  settings.server = surroundings.environment("JOINERY_SERVER");
  if (settings.server.empty()) settings.server = "127.0.0.1:7420";
  settings.name = CleanText(absl::StrCat(surroundings.host_name, "-", surroundings.process_id), kMaxNameBytes);
  settings.compiler = absl::StrCat(surroundings.program_folder, "/joineryc");
  const std::string cache_home = CacheHome(surroundings);
  if (!cache_home.empty()) {
    settings.cache_folder = absl::StrCat(cache_home, "/joinery/worker");
    settings.work_folder = absl::StrCat(cache_home, "/joinery/work");
  }
  return settings;
}

CLI::Option* AddSize(CLI::App& app, const char* name, int64_t& bytes, const char* help) {
  return app.add_option_function<std::string>(
      name,
      [&bytes, name](const std::string& text) {
        const absl::StatusOr<int64_t> size = ParseByteSize(text);
        if (!size.ok()) throw CLI::ValidationError(name, std::string(size.status().message()));
        bytes = *size;
      },
      help);
}

CLI::Option* AddDuration(CLI::App& app, const char* name, absl::Duration& duration, const char* help) {
  return app.add_option_function<std::string>(
      name,
      [&duration, name](const std::string& text) {
        if (!absl::ParseDuration(text, &duration) || duration <= absl::ZeroDuration()) {
          throw CLI::ValidationError(name, absl::StrCat("'", text, "' is not a duration; write 90s, 30m or 2h"));
        }
      },
      help);
}

CLI::Option* AddFolder(CLI::App& app, const char* name, std::string& folder, const char* help) {
  CLI::Option* option = app.add_option(name, folder, help)->type_name("DIR");
  if (folder.empty()) {
    option->required();
  } else {
    option->capture_default_str();
  }
  return option;
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv, const Surroundings& surroundings) {
  Settings settings = MakeDefaults(surroundings);
  CLI::App app(
      "Leases jobs from a Joinery server and runs the compiler for them.\n"
      "Stops on SIGTERM or Ctrl-C, handing back the job it has; a second one stops it at once.",
      "joinery-worker");
  app.set_version_flag("--version", absl::StrCat("joinery-worker ", base::kVersion));
  app.add_option("--server", settings.server, "Address of the server (also: JOINERY_SERVER)")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--name", settings.name, "Name of this worker, unique among all")
      ->check([](const std::string& name) {
        const bool good = !name.empty() && name == CleanText(name, kMaxNameBytes);
        return good ? std::string() : std::string("a name has 1 to 128 bytes of printable text");
      })
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--compiler", settings.compiler, "The compiler to run")->type_name("PATH")->capture_default_str();
  AddFolder(app, "--cache-dir", settings.cache_folder, "Where fetched inputs are kept; workers may share it");
  AddSize(app, "--cache-size", settings.cache_bytes, "How much of them is kept")->type_name("SIZE [20GiB]");
  AddFolder(app, "--work-dir", settings.work_folder, "Where jobs run; workers may share it");
  AddSize(app, "--memory-limit", settings.memory_bytes, "Address space the compiler may use; 0: no limit")
      ->type_name("SIZE [8GiB]");
  AddDuration(app, "--time-limit", settings.time_limit, "Time the compiler may take")->type_name("DURATION [30m]");
  app.add_option("--log-level", settings.log_level, "How much is logged to stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  app.footer("Example: joinery-worker --server build.example:7420 --memory-limit 16GiB");
  try {
    app.parse(argc, argv);
    settings.compiler = std::filesystem::absolute(settings.compiler);
    settings.cache_folder = std::filesystem::absolute(settings.cache_folder);
    settings.work_folder = std::filesystem::absolute(settings.work_folder);
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error, std::cout, std::cerr) == 0 ? 0 : kUsageError};
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return {std::nullopt, kUsageError};
  }
  return {settings, 0};
}

}  // namespace joinery::worker
