#include "worker/command_line.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/version.h"
#include "gpu/selection.h"
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
  settings.credentials = {.token = surroundings.environment("JOINERY_TOKEN"),
                          .token_file = surroundings.environment("JOINERY_TOKEN_FILE"),
                          .tls_ca = surroundings.environment("JOINERY_TLS_CA"),
                          .tls_cert = surroundings.environment("JOINERY_TLS_CERT"),
                          .tls_key = surroundings.environment("JOINERY_TLS_KEY")};
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

// What is wrong with it; empty if nothing is.
std::string CheckName(const std::string& name) {
  const bool good = !name.empty() && name == CleanText(name, kMaxNameBytes);
  return good ? "" : "names and labels have 1 to 128 bytes of printable text";
}

// What is wrong with it; empty if nothing is.
std::string CheckVendorTool(const std::string& text) {
  const bool is_known = absl::StartsWith(text, "pulsar2=") || absl::StartsWith(text, "pulsar=");
  const std::string path = text.substr(text.find('=') + 1);
  if (absl::StartsWith(path, "docker://")) {
    return "the sandbox has no way to docker: run joinery-worker in a container made from the image, as "
           "docs/vendor_backend.md says, and name the tool's path in it";
  }
  std::error_code ignored;
  if (!is_known || !absl::StartsWith(path, "/") || !std::filesystem::is_regular_file(path, ignored)) {
    return absl::StrCat("\"", text, "\" names no program: write pulsar2=/path/to/pulsar2 or pulsar=/path/to/pulsar");
  }
  return "";
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

void AddCredentials(CLI::App& app, credentials::Sources& sources) {
  app.add_option_function<std::string>(
         "--token-file",
         [&sources](const std::string& path) {
           sources.token_file = path;
           sources.token.clear();
         },
         "The worker's token, of scope work (also: JOINERY_TOKEN, JOINERY_TOKEN_FILE)")
      ->type_name("FILE");
  app.add_option("--tls-ca", sources.tls_ca,
                 "Encrypt; who signs the server's certificate (PEM), or \"system\" (also: JOINERY_TLS_CA)")
      ->type_name("FILE");
  app.add_option("--tls-cert", sources.tls_cert,
                 "The worker's certificate (PEM), for servers that want one (also: JOINERY_TLS_CERT)")
      ->type_name("FILE");
  app.add_option("--tls-key", sources.tls_key, "Its key (PEM; also: JOINERY_TLS_KEY)")->type_name("FILE");
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv, const Surroundings& surroundings) {
  Settings settings = MakeDefaults(surroundings);
  CLI::App app(
      "Leases jobs from a Joinery server and runs the compiler for them.\n"
      "On SIGTERM or Ctrl-C it takes no more jobs and ends once the one it has is done; a second one, or the end of\n"
      "--grace, makes it hand the job back; a third ends it at once.",
      "joinery-worker");
  app.set_version_flag("--version", absl::StrCat("joinery-worker ", base::kVersion));
  app.add_option("--server", settings.server, "Address of the server (also: JOINERY_SERVER)")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  AddCredentials(app, settings.credentials);
  app.add_option("--name", settings.name, "Name of this worker, unique among all")
      ->check(CheckName)
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--compiler", settings.compiler, "The compiler to run")->type_name("PATH")->capture_default_str();
  AddFolder(app, "--cache-dir", settings.cache_folder, "Where fetched inputs are kept; workers may share it");
  AddSize(app, "--cache-size", settings.cache_bytes, "How much of them is kept")->type_name("SIZE [20GiB]");
  AddFolder(app, "--work-dir", settings.work_folder, "Where jobs run; workers may share it");
  AddSize(app, "--memory-limit", settings.memory_bytes, "Address space the compiler may use; 0: no limit")
      ->type_name("SIZE [8GiB]");
  AddDuration(app, "--time-limit", settings.time_limit, "Time the compiler may take")->type_name("DURATION [30m]");
  AddSize(app, "--disk-limit", settings.disk_bytes, "What the compiler may write; 0: no limit")
      ->type_name("SIZE [16GiB]");
  AddDuration(app, "--grace", settings.grace, "How long a job may go on once the worker is to stop")
      ->type_name("DURATION [30s]");
  app.add_option("--sandbox", settings.sandbox, "How the compiler is kept apart from this machine")
      ->transform(CLI::Transformer(std::map<std::string, SandboxMode>{
          {"auto", SandboxMode::kAuto}, {"full", SandboxMode::kFull}, {"basic", SandboxMode::kBasic}}))
      ->type_name("auto|full|basic [auto]");
  app.add_option("--readable", settings.readable, "More that the compiler may read; may be given more than once")
      ->type_name("PATH");
  app.add_option_function<std::string>(
         "--gpus",
         [&settings](const std::string& text) {
           const absl::StatusOr<std::optional<std::vector<int>>> gpus = gpu::ParseGpuList(text);
           if (!gpus.ok()) throw CLI::ValidationError("--gpus", std::string(gpus.status().message()));
           settings.gpus = *gpus;
         },
         "GPUs that jobs may have, one job each: numbers as nvidia-smi has them, such as 2,3; all; none")
      ->type_name("N,N|all|none [all]");
  app.add_option("--gpu-libraries", settings.gpu_libraries,
                 "Folder of ONNX Runtime's GPU build, of CUDA or of cuDNN; may be given more than once")
      ->type_name("DIR");
  app.add_option("--vendor-tool", settings.vendor_tools,
                 "A vendor's tool that jobs may use: pulsar2=/path or pulsar=/path; may be given more than once")
      ->check(CheckVendorTool)
      ->allow_extra_args(false)
      ->type_name("NAME=PATH");
  app.add_option("--label", settings.labels, "What jobs may ask workers for, such as zone=lab; may be repeated")
      ->check(CheckName)
      ->allow_extra_args(false)
      ->type_name("LABEL");
  CLI::App* check =
      app.add_subcommand("check", "Says what the compiler is and how it is kept apart, and ends")->fallthrough();
  app.add_option("--log-level", settings.log_level, "How much is logged to stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", settings.log_format, "text, or json: one object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--metrics-listen", settings.metrics_listen,
                 "Where /metrics, /healthz and /readyz are served, such as 127.0.0.1:7422 (default: nowhere)")
      ->type_name("HOST:PORT");
  app.footer(
      "Examples:\n"
      "  joinery-worker --server build.example:7420 --memory-limit 16GiB\n"
      "  joinery-worker --gpus 2,3 --gpu-libraries /opt/onnxruntime-gpu/lib\n"
      "  joinery-worker --vendor-tool pulsar2=/opt/pulsar2/bin/pulsar2\n"
      "  joinery-worker check");
  try {
    app.parse(argc, argv);
    settings.compiler = std::filesystem::absolute(settings.compiler);
    settings.cache_folder = std::filesystem::absolute(settings.cache_folder);
    settings.work_folder = std::filesystem::absolute(settings.work_folder);
    for (std::string& path : settings.readable) path = std::filesystem::absolute(path);
    for (std::string& path : settings.gpu_libraries) path = std::filesystem::absolute(path);
    settings.check_only = check->parsed();
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, app.exit(error, std::cout, std::cerr) == 0 ? 0 : kUsageError};
  } catch (const std::filesystem::filesystem_error& error) {
    std::cerr << "error: " << error.what() << '\n';
    return {std::nullopt, kUsageError};
  }
  return {settings, 0};
}

}  // namespace joinery::worker
