#include "client/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/version.h"
#include "client/command_trace.h"
#include "client/commands/commands.h"
#include "client/commands/invocation.h"
#include "client/error.h"
#include "client/exit_code.h"
#include "client/json.h"
#include "client/nearest.h"

namespace joinery::client {
namespace {

constexpr char kFooter[] =
    "Examples:\n"
    "  joinery build mobilenetv2.onnx --config config_mobilenetv2.prototxt -o mobilenetv2.joint\n"
    "  id=$(joinery submit model.onnx --config c.prototxt --calibration photos/)\n"
    "  joinery jobs watch @last\n"
    "\n"
    "The server is the one of --server, else of JOINERY_SERVER, else of joinery login, else of `server = "
    "\"HOST:PORT\"`\n"
    "in ~/.config/joinery/config.toml, else 127.0.0.1:7420. token_file, tls_ca, tls_cert and tls_key may stand there "
    "too.\n"
    "\n"
    "Exit codes: 0 success, 1 job failed, 2 usage, 3 not found, 4 permission, 5 server unreachable or overloaded,\n"
    "6 fault of the service, 7 job cancelled, 8 wait timed out (the job goes on), 10 local file, 130 Ctrl-C (the job\n"
    "goes on).";

void AddGlobalOptions(CLI::App& app, GlobalOptions& options) {
  app.add_option("--server", options.server, "The server to talk to")->type_name("HOST:PORT");
  app.add_option("--token-file", options.credentials.token_file, "Your token (also: JOINERY_TOKEN, JOINERY_TOKEN_FILE)")
      ->type_name("FILE");
  app.add_option("--tls-ca", options.credentials.tls_ca,
                 "Encrypt; who signs the server's certificate (PEM), or \"system\" (also: JOINERY_TLS_CA)")
      ->type_name("FILE");
  app.add_option("--tls-cert", options.credentials.tls_cert,
                 "Your certificate (PEM), for servers that want one (also: JOINERY_TLS_CERT)")
      ->type_name("FILE");
  app.add_option("--tls-key", options.credentials.tls_key, "Its key (PEM; also: JOINERY_TLS_KEY)")->type_name("FILE");
  app.add_flag("--json", options.json, "One JSON object on stdout; errors and progress as JSON on stderr");
  app.add_flag("-q,--quiet", options.quiet, "Ids and paths only, no progress");
  app.add_option("--progress", options.progress, "auto, plain, json or none; on stderr")
      ->type_name("HOW")
      ->capture_default_str();
  app.add_flag("--no-color", options.no_color, "No colours; so does a NO_COLOR that is not empty");
  app.add_option("--connect-timeout", options.connect_timeout, "How long to wait for the server to be reached")
      ->type_name("DURATION")
      ->capture_default_str();
}

std::unique_ptr<CLI::App> MakeApp(GlobalOptions& options, Command* command) {
  auto app = std::make_unique<CLI::App>("Joinery's client: ONNX models in, quantized .joint artifacts out.", "joinery");
  AddGlobalOptions(*app, options);
  app->set_version_flag("--version", absl::StrCat("joinery ", base::kVersion), "The version of this program");
  app->require_subcommand(1);
  // Global options are understood after the command too.
  app->fallthrough();
  app->footer(kFooter);
  AddBuild(*app, command);
  AddSubmit(*app, command);
  AddCheck(*app, command);
  AddJobs(*app, command);
  AddFetch(*app, command);
  AddWorkers(*app, command);
  AddInfo(*app, command);
  AddLogin(*app, command);
  AddLogout(*app, command);
  AddWhoAmI(*app, command);
  AddAdmin(*app, command);
  AddCompletion(*app, command);
  AddVersion(*app, command);
  return app;
}

// The innermost command that was understood.
const CLI::App& InnermostCommand(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : InnermostCommand(*chosen.front());
}

std::string FullName(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : absl::StrCat(FullName(*app.get_parent()), " ", app.get_name());
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App* /*any*/) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> LongOptions(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* level = &app; level != nullptr; level = level->get_parent()) {
    for (const CLI::Option* option : level->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
    }
  }
  return names;
}

absl::Status UsageError(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = InnermostCommand(app);
  const std::string help = absl::StrCat("see ", FullName(command), " --help");
  const std::vector<std::string> commands = CommandNames(command);
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  if (unknown.empty()) {
    // CLI11's sentence for this names neither.
    const std::string what = commands.empty() ? error.what() : absl::StrCat(FullName(command), " needs a command");
    return WithFix(absl::InvalidArgumentError(what), help);
  }
  const std::string word = unknown.front().substr(0, unknown.front().find('='));
  const bool is_option = absl::StartsWith(word, "-");
  const std::string nearest = Nearest(word, is_option ? LongOptions(command) : commands);
  const absl::string_view kind = is_option ? "option" : commands.empty() ? "argument" : "command";
  return WithFix(absl::InvalidArgumentError(absl::StrCat("unknown ", kind, " \"", word, "\" of ", FullName(command))),
                 nearest.empty() ? help : absl::StrCat("did you mean ", nearest, "?"));
}

// What was understood, or what to print instead.
struct Parsed {
  absl::Status status;
  std::string text;  // Help or version, if asked for.
};

// CLI11 tells everything by exceptions; they end here.
Parsed Parse(CLI::App& app, std::vector<std::string> arguments) {
  // CLI11 takes them from the back.
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(std::move(arguments));
    return {absl::OkStatus(), ""};
  } catch (const CLI::CallForHelp&) {
    return {absl::OkStatus(), app.help()};
  } catch (const CLI::CallForVersion&) {
    return {absl::OkStatus(), absl::StrCat(app.version(), "\n")};
  } catch (const CLI::ParseError& error) {
    return {UsageError(app, error), ""};
  } catch (const CLI::Error& error) {
    return {absl::InternalError(error.what()), ""};
  }
}

absl::StatusOr<ProgressMode> ChooseProgressMode(const GlobalOptions& options, const TerminalTraits& traits) {
  ASSIGN_OR_RETURN(const ProgressMode mode, ParseProgressMode(options.progress, traits));
  if (options.quiet) return ProgressMode::kNone;
  // Who reads errors as JSON from stderr must not meet anything else there.
  return options.json && options.progress == "auto" ? ProgressMode::kJson : mode;
}

absl::Status Run(const std::string& name, const GlobalOptions& options, const Command& command,
                 const Environment& environment, Console& console, Interruption& interruption) {
  ASSIGN_OR_RETURN(const ProgressMode mode, ChooseProgressMode(options, console.traits()));
  const base::RealClock clock;
  absl::Status trace_problem;
  CommandTrace trace(name, environment, clock, &trace_problem);
  Invocation invocation(options, mode, environment, console, clock, interruption, trace.tracer());
  if (!trace_problem.ok()) invocation.Note(absl::StrCat("warning: ", trace_problem.message()));
  absl::Status status = command(invocation);
  trace.SetStatus(status);
  const Origin origin = OriginOf(status);
  if ((origin == Origin::kInterrupted || origin == Origin::kTerminated) && !invocation.job_id().empty()) {
    return WithJob(WithFix(WithWhy(status, absl::StrCat("job ", invocation.job_id(), " goes on")),
                           absl::StrCat("to wait for it again: joinery jobs watch ", invocation.job_id())),
                   invocation.job_id());
  }
  return status;
}

// Some statuses say all by the exit code.
bool IsToBeTold(const absl::Status& status) {
  const Origin origin = OriginOf(status);
  return !status.ok() && origin != Origin::kReaderGone && origin != Origin::kNeedsCpu && origin != Origin::kImpossible;
}

int Finish(const absl::Status& status, const GlobalOptions& options, Console& console) {
  if (IsToBeTold(status)) {
    const ErrorReport error = Describe(status);
    console.Note(options.json ? JsonOf(error) : FormatError(error, console.traits().err_has_colour));
  }
  return static_cast<int>(ExitCodeFor(status));
}

}  // namespace

int RunCommandLine(const std::vector<std::string>& arguments, const Environment& environment,
                   Interruption& interruption) {
  GlobalOptions options;
  Command command;
  const std::unique_ptr<CLI::App> app = MakeApp(options, &command);
  const Parsed parsed = Parse(*app, arguments);
  // A command line that was not understood may still have said how it wants to be told so.
  const auto has = [&arguments](const char* flag) {
    return std::find(arguments.begin(), arguments.end(), flag) != arguments.end();
  };
  options.json = options.json || has("--json");
  Console console(DetectTerminal(environment, options.no_color || has("--no-color")));
  if (!parsed.status.ok()) return Finish(parsed.status, options, console);
  if (!parsed.text.empty()) return Finish(console.Print(parsed.text), options, console);
  return Finish(Run(FullName(InnermostCommand(*app)), options, command, environment, console, interruption), options,
                console);
}

}  // namespace joinery::client
