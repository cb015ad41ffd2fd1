// joineryc, the compiler. Started as `pulsar`, `pulsar2` or `run_joint` it takes the vendor's command lines of that
// name.
#include <cstring>
#include <exception>
#include <iostream>
#include <string>

#include "base/version.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/exit_code.h"

namespace joinery::compiler {
namespace {

std::string ProgramName(const char* argv0) {
  const char* slash = std::strrchr(argv0, '/');
  return slash == nullptr ? argv0 : slash + 1;
}

int Main(int argc, char** argv) {
  const std::string name = ProgramName(argv[0]);
  int exit_code = kExitSuccess;
  CLI::App app("Joinery's compiler: quantizes float ONNX models to 8 bits", name);
  app.set_version_flag("--version", std::string(base::kVersion));
  if (name == "run_joint") {
    AddRunJointOptions(app, exit_code);
  } else {
    app.require_subcommand(1);
    AddBuildCommand(app, name == "pulsar2", exit_code);
    AddRunCommand(app, exit_code);
    AddAnalyzeCommand(app, exit_code);
    AddInfoCommand(app, exit_code);
    AddCheckCommand(app, exit_code);
    AddTargetCommand(app, exit_code);
    AddDevicesCommand(app, exit_code);
    AddConfigCommand(app, exit_code);
    AddExtractCommand(app, exit_code);
    AddCompletionCommand(app, exit_code);
    AddRunJointOptions(*app.add_subcommand("run_joint", "Run a .joint on this host and time it"), exit_code);
    app.add_subcommand("version", "Print the version")->callback([] { std::cout << base::kVersion << "\n"; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version come this way too, as success.
    return app.exit(error) == 0 ? kExitSuccess : kExitUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace joinery::compiler

int main(int argc, char** argv) {
  try {
    return joinery::compiler::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << " (INTERNAL)\n";
    return joinery::compiler::kExitInternal;
  }
}
