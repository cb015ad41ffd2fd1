#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/account.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

// Words in place of a number: no own limit, so that others hold; and a limit that nobody reaches, whatever others say.
constexpr char kNone[] = "none";
constexpr char kUnlimitedWord[] = "unlimited";

struct SetArguments {
  std::string user;
  std::string project;
  // Numbers or kNone; empty: stays as it is.
  std::string blob_bytes;
  std::string queued_jobs;
  std::string running_jobs;
};

// For options whose value is a word or a number, for bytes with a unit.
std::string ReadLimit(std::string& text, bool is_size) {
  if (text == kNone) return "";
  if (text == kUnlimitedWord) {
    text = absl::StrCat(kUnlimited);
    return "";
  }
  try {
    if (is_size) CLI::AsSizeValue(/*kb_is_1000=*/false)(text);
  } catch (const CLI::Error&) {
    return absl::StrCat("\"", text, "\" is neither a size like 100GiB nor unlimited nor none");
  }
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= 0) return "";
  return absl::StrCat("\"", text, "\" is neither a number nor unlimited nor none");
}

// `current` if `text` is empty; nullopt for kNone.
std::optional<int64_t> Changed(const std::string& text, bool has_current, int64_t current) {
  int64_t number = 0;
  if (text.empty()) return has_current ? std::optional<int64_t>(current) : std::nullopt;
  return absl::SimpleAtoi(text, &number) ? std::optional<int64_t>(number) : std::nullopt;
}

v1::Limits Merge(const v1::Limits& current, const SetArguments& arguments) {
  v1::Limits merged;
  const auto blob_bytes = Changed(arguments.blob_bytes, current.has_blob_bytes(), current.blob_bytes());
  const auto queued = Changed(arguments.queued_jobs, current.has_queued_jobs(), current.queued_jobs());
  const auto running = Changed(arguments.running_jobs, current.has_running_jobs(), current.running_jobs());
  if (blob_bytes.has_value()) merged.set_blob_bytes(*blob_bytes);
  if (queued.has_value()) merged.set_queued_jobs(*queued);
  if (running.has_value()) merged.set_running_jobs(*running);
  return merged;
}

std::string KindName(v1::SubjectKind kind) { return kind == v1::SUBJECT_KIND_USER ? "user" : "project"; }

std::string DescribeLimit(bool is_set, int64_t limit, bool is_size) {
  if (!is_set) return "not set";
  if (limit == kUnlimited) return kUnlimitedWord;
  return is_size ? FormatBytes(limit) : absl::StrCat(limit);
}

absl::Status PrintLimits(Invocation& invocation, const std::vector<v1::SubjectLimits>& subjects) {
  Table table{{"NAME", "KIND", "BLOB BYTES", "QUEUED JOBS", "RUNNING JOBS"}, {}};
  table.rows.reserve(subjects.size());
  const bool for_people = invocation.console().traits().out_is_terminal;
  for (const v1::SubjectLimits& subject : subjects) {
    const v1::Limits& limits = subject.limits();
    table.rows.push_back({subject.name(), KindName(subject.kind()),
                          DescribeLimit(limits.has_blob_bytes(), limits.blob_bytes(), for_people),
                          DescribeLimit(limits.has_queued_jobs(), limits.queued_jobs(), false),
                          DescribeLimit(limits.has_running_jobs(), limits.running_jobs(), false)});
  }
  return invocation.PrintTable(table);
}

absl::Status Set(Invocation& invocation, const SetArguments& arguments) {
  if (arguments.user.empty() == arguments.project.empty()) {
    return absl::InvalidArgumentError("whose limits? Give --user NAME or --project NAME, one of the two");
  }
  if (arguments.blob_bytes.empty() && arguments.queued_jobs.empty() && arguments.running_jobs.empty()) {
    return absl::InvalidArgumentError("nothing to set: give --blob-bytes, --queued-jobs or --running-jobs");
  }
  v1::SubjectLimits subject;
  subject.set_kind(arguments.user.empty() ? v1::SUBJECT_KIND_PROJECT : v1::SUBJECT_KIND_USER);
  subject.set_name(arguments.user.empty() ? arguments.project : arguments.user);
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::SubjectLimits> known, session->ListLimits());
  v1::Limits current;
  for (const v1::SubjectLimits& other : known) {
    if (other.kind() == subject.kind() && other.name() == subject.name()) current = other.limits();
  }
  *subject.mutable_limits() = Merge(current, arguments);
  ASSIGN_OR_RETURN(const v1::SubjectLimits stored, session->SetLimits(subject));
  if (!invocation.options().json) return PrintLimits(invocation, {stored});
  ASSIGN_OR_RETURN(const std::string document, JsonDocumentOf(stored));
  return invocation.console().Print(document);
}

absl::Status Show(Invocation& invocation) {
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::SubjectLimits> subjects, session->ListLimits());
  if (!invocation.options().json) return PrintLimits(invocation, subjects);
  ASSIGN_OR_RETURN(const std::string document, JsonListOf(subjects, ""));
  return invocation.console().Print(document);
}

void AddSet(CLI::App& parent, Command* command) {
  CLI::App& set = *parent.add_subcommand("set", "Limit a user or project; what is not given stays as it is");
  const auto arguments = std::make_shared<SetArguments>();
  const auto count = CLI::Validator([](std::string& text) { return ReadLimit(text, /*is_size=*/false); }, "");
  const auto size = CLI::Validator([](std::string& text) { return ReadLimit(text, /*is_size=*/true); }, "");
  set.add_option("--user", arguments->user, "This user; * for all without limits of their own")->type_name("NAME");
  set.add_option("--project", arguments->project, "This project; * likewise")->type_name("NAME");
  set.add_option("--blob-bytes", arguments->blob_bytes, "Most bytes of blobs uploaded, as 100GiB; unlimited, or none")
      ->transform(size)
      ->type_name("SIZE");
  set.add_option("--queued-jobs", arguments->queued_jobs, "Most jobs waiting; unlimited, or none")
      ->transform(count)
      ->type_name("N");
  set.add_option("--running-jobs", arguments->running_jobs, "Most jobs running; unlimited, or none")
      ->transform(count)
      ->type_name("N");
  set.footer(
      "Examples:\n"
      "  joinery admin quota set --project vision --blob-bytes 100GiB\n"
      "  joinery admin quota set --user '*' --queued-jobs 200 --running-jobs 8\n"
      "  joinery admin quota set --user ann --queued-jobs unlimited\n"
      "  joinery admin quota set --user ann --queued-jobs none\n"
      "\n"
      "none takes an own limit away: that of * holds then, else the server's. unlimited goes before both.");
  set.callback(
      [arguments, command] { *command = [arguments](Invocation& invocation) { return Set(invocation, *arguments); }; });
}

void AddShow(CLI::App& parent, Command* command) {
  CLI::App& show = *parent.add_subcommand("show", "All limits that were set");
  show.footer("Examples:\n  joinery admin quota show\n  joinery admin quota show --json");
  show.callback([command] { *command = Show; });
}

}  // namespace

void AddAdminQuota(CLI::App& parent, Command* command) {
  CLI::App& quota = *parent.add_subcommand("quota", "Set and show how much users and projects may have at a time");
  quota.require_subcommand(1);
  quota.footer(
      "Examples:\n"
      "  joinery admin quota set --project vision --blob-bytes 100GiB\n"
      "  joinery admin quota show");
  AddSet(quota, command);
  AddShow(quota, command);
}

}  // namespace joinery::client
