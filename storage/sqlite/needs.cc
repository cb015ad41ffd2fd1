#include "storage/sqlite/needs.h"

#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "storage/requirements.h"
#include "storage/sqlite/statements.h"

namespace joinery::storage {
namespace {

// Begins the line that has the GPU memory asked for. No label has a control character.
constexpr char kGpuMemory[] = "\x01gpu_memory_bytes=";

// Sorted and without repetitions, one a line: labels have no line feeds. What was not asked for when the table was made
// is a line, too.
std::string JoinLabels(const v1::Requirements& requirements) {
  std::set<std::string> lines(requirements.labels().begin(), requirements.labels().end());
  if (requirements.gpu_memory_bytes() > 0) lines.insert(absl::StrCat(kGpuMemory, requirements.gpu_memory_bytes()));
  return absl::StrJoin(lines, "\n");
}

void AddLine(absl::string_view line, v1::Requirements& requirements) {
  int64_t bytes = 0;
  if (absl::ConsumePrefix(&line, kGpuMemory) && absl::SimpleAtoi(line, &bytes)) {
    requirements.set_gpu_memory_bytes(bytes);
  } else {
    requirements.add_labels(std::string(line));
  }
}

Need NeedOfRow(const Statement& row) {
  Need need;
  need.number = row.Integer("number");
  need.requirements.set_cpus(static_cast<int32_t>(row.Integer("cpus")));
  need.requirements.set_memory_bytes(row.Integer("memory_bytes"));
  need.requirements.set_gpus(static_cast<int32_t>(row.Integer("gpus")));
  const std::string labels = row.Text("labels");
  for (const absl::string_view label : absl::StrSplit(labels, '\n', absl::SkipEmpty())) {
    AddLine(label, need.requirements);
  }
  need.waiting_reason = row.Text("waiting_reason");
  return need;
}

void Bind(const v1::Requirements& requirements, Statement& statement) {
  statement.BindInteger(":cpus", requirements.cpus())
      .BindInteger(":memory_bytes", requirements.memory_bytes())
      .BindInteger(":gpus", requirements.gpus())
      .BindText(":labels", JoinLabels(requirements));
}

}  // namespace

absl::StatusOr<int64_t> FindOrInsertNeed(Database& database, const v1::Requirements& requirements) {
  ASSIGN_OR_RETURN(const auto found, database.Prepare(statements::kFindNeed));
  Bind(requirements, *found);
  ASSIGN_OR_RETURN(const bool known, found->Step());
  if (known) return found->Integer("number");
  ASSIGN_OR_RETURN(const auto inserted, database.Prepare(statements::kInsertNeed));
  Bind(requirements, *inserted);
  RETURN_IF_ERROR(inserted->Step().status());
  return inserted->Integer("number");
}

absl::StatusOr<std::vector<Need>> NeedsInLine(Database& database) {
  ASSIGN_OR_RETURN(const auto rows, database.Prepare(statements::kListNeedsInLine));
  std::vector<Need> needs;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, rows->Step());
    if (!row) return needs;
    needs.push_back(NeedOfRow(*rows));
  }
}

absl::StatusOr<std::string> NeedsMetBy(Database& database, const v1::Capabilities& capabilities) {
  ASSIGN_OR_RETURN(const std::vector<Need> needs, NeedsInLine(database));
  std::vector<int64_t> met;
  for (const Need& need : needs) {
    if (Satisfies(capabilities, need.requirements)) met.push_back(need.number);
  }
  return absl::StrCat("[", absl::StrJoin(met, ","), "]");
}

absl::Status SetWaitingReason(Database& database, int64_t need, const std::string& reason) {
  ASSIGN_OR_RETURN(const auto statement, database.Prepare(statements::kSetWaitingReason));
  return statement->BindInteger(":number", need).BindText(":reason", reason).Run();
}

}  // namespace joinery::storage
