// joineryc completion: what shells need to complete its command line.
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/completion.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/exit_code.h"

namespace joinery::compiler {

void AddCompletionCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("completion", "A script that completes this command line in a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->footer(
      "Examples:\n"
      "  source <(joineryc completion bash)\n"
      "  joineryc completion fish > ~/.config/fish/completions/joineryc.fish");
  command->callback([&app, shell, &exit_code] {
    const absl::StatusOr<std::string> script = base::CompletionScript(app, *shell);
    if (script.ok()) std::cout << *script;
    exit_code = script.ok() ? kExitSuccess : ReportError(script.status());
  });
}

}  // namespace joinery::compiler
