#include "base/completion.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace joinery::base {
namespace {

// A command: the words that lead to it, and what may follow.
struct Node {
  std::vector<std::string> path;                              // Empty for the program itself.
  std::vector<std::pair<std::string, std::string>> commands;  // Name and description.
  std::vector<std::string> options;
};

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_snames()) names.push_back(absl::StrCat("-", name));
    for (const std::string& name : option->get_lnames()) names.push_back(absl::StrCat("--", name));
  }
  return names;
}

void Collect(const CLI::App& app, const std::vector<std::string>& path, const std::vector<std::string>& global,
             std::vector<Node>& nodes) {
  Node node{path, {}, OptionNames(app)};
  for (const std::string& option : global) {
    const bool is_known = std::find(node.options.begin(), node.options.end(), option) != node.options.end();
    if (app.get_fallthrough() && !is_known) node.options.push_back(option);
  }
  const auto commands = app.get_subcommands([](const CLI::App* /*command*/) { return true; });
  for (const CLI::App* command : commands) node.commands.emplace_back(command->get_name(), command->get_description());
  nodes.push_back(node);
  for (const CLI::App* command : commands) {
    std::vector<std::string> longer = path;
    longer.push_back(command->get_name());
    Collect(*command, longer, global, nodes);
  }
}

std::string Words(const Node& node) {
  std::vector<std::string> words = node.options;
  for (const auto& [name, description] : node.commands) words.push_back(name);
  return absl::StrJoin(words, " ");
}

// What zsh's bashcompinit runs too. The words before the cursor that are commands choose the list.
std::string BashScript(const std::string& program, const std::vector<Node>& nodes) {
  std::string script = absl::StrCat("_", program,
                                    "() {\n"
                                    "  local path='' word words=''\n"
                                    "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                                    "    case \"$path $word\" in\n");
  for (const Node& node : nodes) {
    if (node.path.empty()) continue;
    absl::StrAppend(&script, "      ' ", absl::StrJoin(node.path, " "), "') path=' ", absl::StrJoin(node.path, " "),
                    "' ;;\n");
  }
  absl::StrAppend(&script, "    esac\n  done\n  case \"$path\" in\n");
  for (const Node& node : nodes) {
    const std::string pattern = node.path.empty() ? "" : absl::StrCat(" ", absl::StrJoin(node.path, " "));
    absl::StrAppend(&script, "    '", pattern, "') words='", Words(node), "' ;;\n");
  }
  absl::StrAppend(&script,
                  "  esac\n"
                  "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
                  "}\n"
                  "complete -o default -F _",
                  program, " ", program, "\n");
  return script;
}

std::string ZshScript(const std::string& program, const std::vector<Node>& nodes) {
  return absl::StrCat("#compdef ", program, "\nautoload -U +X bashcompinit && bashcompinit\n",
                      BashScript(program, nodes));
}

std::string FishQuote(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "\\'"}}), "'");
}

std::string FishCondition(const Node& node) {
  if (node.path.empty()) return "__fish_use_subcommand";
  std::string condition = absl::StrJoin(node.path, "; and ", [](std::string* out, const std::string& word) {
    absl::StrAppend(out, "__fish_seen_subcommand_from ", word);
  });
  std::vector<std::string> names;
  names.reserve(node.commands.size());
  for (const auto& [name, description] : node.commands) names.push_back(name);
  if (!names.empty()) absl::StrAppend(&condition, "; and not __fish_seen_subcommand_from ", absl::StrJoin(names, " "));
  return condition;
}

std::string FishScript(const std::string& program, const std::vector<Node>& nodes) {
  std::string script;
  for (const Node& node : nodes) {
    const std::string begin = absl::StrCat("complete -c ", program, " -n ", FishQuote(FishCondition(node)));
    for (const auto& [name, description] : node.commands) {
      absl::StrAppend(&script, begin, " -f -a ", name, " -d ", FishQuote(description), "\n");
    }
    for (const std::string& option : node.options) {
      const bool is_long = option.size() > 2;
      absl::StrAppend(&script, begin, is_long ? " -l " : " -s ", option.substr(is_long ? 2 : 1), "\n");
    }
  }
  return script;
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(const CLI::App& root, absl::string_view shell) {
  std::vector<Node> nodes;
  Collect(root, {}, OptionNames(root), nodes);
  const std::string& program = root.get_name();
  if (shell == "bash") return BashScript(program, nodes);
  if (shell == "zsh") return ZshScript(program, nodes);
  if (shell == "fish") return FishScript(program, nodes);
  return absl::InvalidArgumentError(absl::StrCat("completion is for bash, zsh or fish, not \"", shell, "\""));
}

}  // namespace joinery::base
