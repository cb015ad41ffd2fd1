// joineryc target: the chips that Joinery knows.
#include <google/protobuf/text_format.h>

#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "compiler/commands/commands.h"
#include "compiler/commands/exit_code.h"
#include "compiler/failure.h"
#include "compiler/target/target.h"

namespace joinery::compiler {
namespace {

std::string Tops(const v1::NpuMode& mode) {
  return mode.has_peak_tops() ? absl::StrFormat("%g", mode.peak_tops().value()) : "-";
}

std::string Modes(const v1::TargetDescription& target) {
  return absl::StrJoin(target.modes(), ", ", [](std::string* out, const v1::NpuMode& mode) {
    absl::StrAppend(out, mode.name());
    if (mode.has_peak_tops()) absl::StrAppend(out, " (", Tops(mode), ")");
  });
}

absl::Status List() {
  ASSIGN_OR_RETURN(const absl::Span<const v1::TargetDescription> targets, AllTargets());
  std::cout << absl::StrFormat("%-14s %-30s %-50s %s\n", "TARGET", "ALSO", "NPU MODES (TOPS)", "SUMMARY");
  for (const v1::TargetDescription& target : targets) {
    std::cout << absl::StrFormat("%-14s %-30s %-50s %s\n", target.name(), absl::StrJoin(target.aliases(), ", "),
                                 Modes(target), target.summary());
  }
  return absl::OkStatus();
}

absl::Status Show(const std::string& name, const std::string& path) {
  v1::TargetDescription target;
  if (path.empty()) {
    ASSIGN_OR_RETURN(target, FindTarget(name));
  } else {
    ASSIGN_OR_RETURN(target, LoadTargetFile(path));
  }
  // Complete: what another description gave it is written out.
  std::string text;
  google::protobuf::TextFormat::PrintToString(target, &text);
  std::cout << text;
  return absl::OkStatus();
}

int Report(const absl::Status& status) {
  if (status.ok()) return kExitSuccess;
  return ReportError(absl::IsInvalidArgument(status) ? WithReason(status, v1::FAILURE_REASON_INVALID_CONFIG) : status);
}

}  // namespace

void AddTargetCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("target", "The chips that Joinery knows");
  command->require_subcommand(1);
  CLI::App* list = command->add_subcommand("list", "All of them: names, NPU modes");
  list->callback([&exit_code] { exit_code = Report(List()); });
  CLI::App* show = command->add_subcommand("show", "One of them: operators, limits, figures and where they are from");
  struct Arguments {
    std::string name;
    std::string path;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* name = show->add_option("name", arguments->name, "A target's name or alias");
  auto* path =
      show->add_option("--file", arguments->path, "A description of your own: checks it, and writes it out in full")
          ->type_name("T.textproto");
  name->excludes(path);
  show->footer("Examples:\n  joineryc target show AX630C\n  joineryc target show --file my_board.textproto");
  show->callback([arguments, &exit_code] {
    if (arguments->name.empty() && arguments->path.empty()) throw CLI::RequiredError("name or --file");
    exit_code = Report(Show(arguments->name, arguments->path));
  });
  command->footer("Examples:\n  joineryc target list\n  joineryc target show AX620A");
}

}  // namespace joinery::compiler
