#include "base/completion.h"

#include <memory>
#include <string>

#include "base/status.h"
#include "client/commands/commands.h"

namespace joinery::client {

void AddCompletion(CLI::App& parent, Command* command) {
  CLI::App& completion = *parent.add_subcommand("completion", "A script that completes this command line in a shell");
  const auto shell = std::make_shared<std::string>();
  completion.add_option("SHELL", *shell, "bash, zsh or fish")->required();
  completion.footer(
      "Examples:\n"
      "  source <(joinery completion bash)\n"
      "  joinery completion fish > ~/.config/fish/completions/joinery.fish");
  completion.callback([&parent, shell, command] {
    *command = [&parent, shell](Invocation& invocation) -> absl::Status {
      ASSIGN_OR_RETURN(const std::string script, base::CompletionScript(parent, *shell));
      return invocation.console().Print(script);
    };
  });
}

}  // namespace joinery::client
