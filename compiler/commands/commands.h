// The command lines of joineryc, and of pulsar, pulsar2 and run_joint, which are joineryc by another name.
#pragma once

#include <CLI/CLI.hpp>

namespace joinery::compiler {

// Each adds its options to `app` and, if the command line chose it, runs. The exit code goes to `exit_code`.
// `is_pulsar2`: options without a configuration are those of `pulsar2 build`.
void AddBuildCommand(CLI::App& app, bool is_pulsar2, int& exit_code);
void AddConfigCommand(CLI::App& app, int& exit_code);
void AddRunCommand(CLI::App& app, int& exit_code);
void AddAnalyzeCommand(CLI::App& app, int& exit_code);
void AddInfoCommand(CLI::App& app, int& exit_code);
void AddCheckCommand(CLI::App& app, int& exit_code);
void AddTargetCommand(CLI::App& app, int& exit_code);
void AddDevicesCommand(CLI::App& app, int& exit_code);
void AddExtractCommand(CLI::App& app, int& exit_code);
void AddCompletionCommand(CLI::App& app, int& exit_code);

// Options that `app` takes itself: run_joint is a program of its own with the vendor.
void AddRunJointOptions(CLI::App& app, int& exit_code);

}  // namespace joinery::compiler
