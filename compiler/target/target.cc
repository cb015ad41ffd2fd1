#include "compiler/target/target.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "base/status.h"
#include "compiler/configuration/nearest_name.h"
#include "compiler/configuration/prototxt.h"
#include "compiler/target/embedded_descriptions.h"
#include "compiler/target/validate_target.h"

namespace joinery::compiler {
namespace {

using Targets = std::vector<v1::TargetDescription>;
using Operators = google::protobuf::RepeatedPtrField<v1::OperatorRule>;

constexpr int64_t kLargestFile = int64_t{256} << 10;

template <typename Named>
bool HasName(const Named& named, absl::string_view name) {
  if (absl::EqualsIgnoreCase(named.name(), name)) return true;
  for (const std::string& alias : named.aliases()) {
    if (absl::EqualsIgnoreCase(alias, name)) return true;
  }
  return false;
}

const v1::TargetDescription* Find(const Targets& targets, absl::string_view name) {
  for (const v1::TargetDescription& target : targets) {
    if (HasName(target, name)) return &target;
  }
  return nullptr;
}

absl::Status NoSuchTarget(const Targets& targets, absl::string_view name) {
  std::vector<std::string> names;
  std::vector<std::string> known;
  for (const v1::TargetDescription& target : targets) {
    names.push_back(target.name());
    known.push_back(target.name());
    known.insert(known.end(), target.aliases().begin(), target.aliases().end());
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no target \"", name, "\"; ", SuggestName(name, known),
                                                 "; targets are ", absl::StrJoin(names, ", "),
                                                 " (joineryc target list), others can be given as a file"));
}

// The rules of `base`, with those in `own` in the place of the base's for the same operator.
Operators MergeOperators(const Operators& base, const Operators& own) {
  Operators merged;
  for (const v1::OperatorRule& rule : base) {
    bool is_replaced = false;
    for (const v1::OperatorRule& other : own) {
      is_replaced |= other.op_type() == rule.op_type() && other.domain() == rule.domain();
    }
    if (!is_replaced) *merged.Add() = rule;
  }
  merged.MergeFrom(own);
  return merged;
}

v1::TargetDescription Complete(const v1::TargetDescription& base, const v1::TargetDescription& own) {
  v1::TargetDescription result = base;
  result.clear_name();
  result.clear_aliases();
  result.clear_summary();
  result.clear_like();
  // Merging would append to the lists.
  if (own.modes_size() > 0) result.clear_modes();
  if (own.has_memory()) result.clear_memory();
  if (own.cpu_tail_operators_size() > 0) result.clear_cpu_tail_operators();
  if (own.activation_types_size() > 0) result.clear_activation_types();
  if (own.weight_types_size() > 0) result.clear_weight_types();
  if (own.cost().operators_size() > 0) result.mutable_cost()->clear_operators();
  if (result.has_cost()) {
    // How far off the estimates for one chip are says nothing about another.
    result.mutable_cost()->clear_median_error_percent();
    result.mutable_cost()->clear_p90_error_percent();
    result.mutable_cost()->clear_tested_latencies();
  }
  result.clear_operators();
  result.MergeFrom(own);
  *result.mutable_operators() = MergeOperators(base.operators(), own.operators());
  return result;
}

// With what it is like filled in from `known`.
absl::StatusOr<v1::TargetDescription> Resolve(v1::TargetDescription own, const Targets& known,
                                              absl::string_view file_name) {
  if (!own.like().empty()) {
    const v1::TargetDescription* base = Find(known, own.like());
    if (base == nullptr) {
      return base::Annotate(NoSuchTarget(known, own.like()), absl::StrCat(file_name, ": like"));
    }
    own = Complete(*base, own);
  }
  return own;
}

absl::StatusOr<v1::TargetDescription> ParseAlone(absl::string_view text, absl::string_view file_name) {
  v1::TargetDescription description;
  RETURN_IF_ERROR(ParsePrototxt(text, file_name, description));
  return description;
}

// What a file may be like is complete in itself, so the order of the files does not matter. Tests validate these files:
// a program need not do it whenever it starts.
absl::StatusOr<Targets> ReadBuiltIn() {
  std::vector<std::pair<const char*, v1::TargetDescription>> files;
  Targets roots;
  for (const EmbeddedDescription& file : EmbeddedDescriptions()) {
    ASSIGN_OR_RETURN(v1::TargetDescription description, ParseAlone(file.text, file.file_name));
    if (description.like().empty()) roots.push_back(description);
    files.emplace_back(file.file_name, std::move(description));
  }
  Targets targets;
  for (auto& [name, description] : files) {
    ASSIGN_OR_RETURN(v1::TargetDescription target, Resolve(std::move(description), roots, name));
    targets.push_back(std::move(target));
  }
  return targets;
}

const absl::StatusOr<Targets>& BuiltIn() {
  static const absl::StatusOr<Targets>* const targets = [] {
    auto* read = new absl::StatusOr<Targets>(ReadBuiltIn());
    if (!read->ok()) *read = absl::InternalError(read->status().message());
    return read;
  }();
  return *targets;
}

}  // namespace

absl::StatusOr<absl::Span<const v1::TargetDescription>> AllTargets() {
  RETURN_IF_ERROR(BuiltIn().status());
  return absl::MakeConstSpan(*BuiltIn());
}

absl::StatusOr<v1::TargetDescription> FindTarget(absl::string_view name) {
  RETURN_IF_ERROR(BuiltIn().status());
  const v1::TargetDescription* target = Find(*BuiltIn(), name);
  if (target == nullptr) return NoSuchTarget(*BuiltIn(), name);
  return *target;
}

absl::StatusOr<v1::TargetDescription> LoadTargetFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, base::ReadFile(path, kLargestFile));
  return ParseTarget(text, path);
}

absl::StatusOr<v1::TargetDescription> ParseTarget(absl::string_view text, absl::string_view file_name) {
  RETURN_IF_ERROR(BuiltIn().status());
  ASSIGN_OR_RETURN(v1::TargetDescription description, ParseAlone(text, file_name));
  ASSIGN_OR_RETURN(v1::TargetDescription target, Resolve(std::move(description), *BuiltIn(), file_name));
  RETURN_IF_ERROR(base::Annotate(ValidateTarget(target), file_name));
  return target;
}

absl::StatusOr<v1::NpuMode> FindMode(const v1::TargetDescription& target, absl::string_view name) {
  std::vector<std::string> names;
  for (const v1::NpuMode& mode : target.modes()) {
    if (HasName(mode, name)) return mode;
    names.push_back(mode.name());
  }
  if (name.empty() || absl::EqualsIgnoreCase(name, "AUTO") || absl::EqualsIgnoreCase(name, "DEFAULT")) {
    return target.modes(0);
  }
  return absl::InvalidArgumentError(absl::StrCat("target ", target.name(), " has no NPU mode \"", name, "\"; ",
                                                 names.empty() ? "" : "its modes are ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<ChipMode> FindChipMode(const v1::Target& target) {
  ChipMode found;
  ASSIGN_OR_RETURN(found.chip, FindTarget(target.hardware()));
  ASSIGN_OR_RETURN(found.mode, FindMode(found.chip, target.virtual_npu()));
  return found;
}

v1::Target SplitChipMode(absl::string_view text) {
  const std::pair<std::string, std::string> words = absl::StrSplit(text, absl::MaxSplits(':', 1));
  v1::Target target;
  target.set_hardware(words.first);
  target.set_virtual_npu(words.second);
  return target;
}

}  // namespace joinery::compiler
