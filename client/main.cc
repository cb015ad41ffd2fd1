// joinery: submit, watch, fetch.
#include <grpc/support/log.h>

#include <csignal>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "client/command_line.h"
#include "client/config_file.h"
#include "client/exit_code.h"
#include "client/interruption.h"

int main(int argc, char** argv) {
  using joinery::client::ExitCode;
  try {
    // A closed pipe is an error of write, told where it is handled.
    std::signal(SIGPIPE, SIG_IGN);
    // gRPC's own words on stderr would come between ours; what matters of them is in the statuses.
    gpr_set_log_function([](gpr_log_func_args* /*arguments*/) {});
    // Outlives the thread that waits for signals.
    static joinery::client::Interruption interruption;
    joinery::client::CatchSignals(interruption);
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return joinery::client::RunCommandLine(arguments, joinery::client::ProcessEnvironment(), interruption);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << " (INTERNAL)\n";
    return static_cast<int>(ExitCode::kServiceFault);
  }
}
