// `joinery` as a whole: understands the command line, runs the command, tells errors, decides the exit code.
#pragma once

#include <string>
#include <vector>

#include "client/config_file.h"
#include "client/interruption.h"

namespace joinery::client {

// `arguments` without the program's name. Writes to descriptors 1 and 2. Returns the exit code.
int RunCommandLine(const std::vector<std::string>& arguments, const Environment& environment,
                   Interruption& interruption);

}  // namespace joinery::client
