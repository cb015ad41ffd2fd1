#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/lifetime.h"
#include "base/status.h"
#include "client/commands/commands.h"
#include "client/json.h"

namespace joinery::client {
namespace {

constexpr int kPageSize = 1000;

struct AuditArguments {
  std::string since;
  std::string user;
  std::string action;
  std::string subject;
  int limit = 100;
};

// "7d", "12h", or a time as RFC 3339 has it.
absl::StatusOr<absl::Time> ParseSince(const std::string& text, absl::Time now) {
  absl::Time time;
  std::string ignored;
  if (absl::ParseTime(absl::RFC3339_full, text, &time, &ignored)) return time;
  absl::Duration age;
  if (absl::ParseDuration(text, &age) && age >= absl::ZeroDuration() && age < absl::InfiniteDuration())
    return now - age;
  const absl::StatusOr<absl::Duration> lifetime = base::ParseLifetime(text);
  if (lifetime.ok() && *lifetime < absl::InfiniteDuration()) return now - *lifetime;
  return absl::InvalidArgumentError(
      absl::StrCat("--since ", text, " is neither an age like 12h or 7d nor a time like 2026-01-31T12:00:00Z"));
}

absl::StatusOr<v1::ListAuditRequest> RequestFor(const AuditArguments& arguments, absl::Time now) {
  v1::ListAuditRequest request;
  request.set_user(arguments.user);
  request.set_action(arguments.action);
  request.set_subject(arguments.subject);
  if (arguments.since.empty()) return request;
  ASSIGN_OR_RETURN(const absl::Time since, ParseSince(arguments.since, now));
  request.mutable_since()->set_seconds(absl::ToUnixSeconds(since));
  return request;
}

// The newest `limit`, the oldest of them first.
absl::StatusOr<std::vector<v1::AuditEntry>> Collect(Session& session, v1::ListAuditRequest request, int limit) {
  std::vector<v1::AuditEntry> entries;
  while (static_cast<int>(entries.size()) < limit) {
    request.set_page_size(std::min(kPageSize, limit - static_cast<int>(entries.size())));
    ASSIGN_OR_RETURN(const v1::ListAuditResponse response, session.ListAudit(request));
    entries.insert(entries.end(), response.entries().begin(), response.entries().end());
    if (response.next_page_token().empty()) break;
    request.set_page_token(response.next_page_token());
  }
  std::reverse(entries.begin(), entries.end());
  return entries;
}

absl::Status Audit(Invocation& invocation, const AuditArguments& arguments) {
  ASSIGN_OR_RETURN(v1::ListAuditRequest request, RequestFor(arguments, invocation.clock().Now()));
  ASSIGN_OR_RETURN(Session* const session, invocation.Connect());
  ASSIGN_OR_RETURN(const std::vector<v1::AuditEntry> entries, Collect(*session, std::move(request), arguments.limit));
  if (invocation.options().json) {
    ASSIGN_OR_RETURN(const std::string document, JsonListOf(entries, ""));
    return invocation.console().Print(document);
  }
  Table table{{"NUMBER", "TIME", "USER", "PROJECT", "TOKEN", "FROM", "ACTION", "SUBJECT", "DETAILS"}, {}};
  table.rows.reserve(entries.size());
  for (const v1::AuditEntry& entry : entries) {
    table.rows.push_back({absl::StrCat(entry.number()), FormatTimestamp(entry.time()), entry.user(), entry.project(),
                          entry.token_id(), entry.peer(), entry.action(), entry.subject(), entry.details()});
  }
  return invocation.PrintTable(table);
}

}  // namespace

void AddAdminAudit(CLI::App& parent, Command* command) {
  CLI::App& audit = *parent.add_subcommand("audit", "Who changed what, when and from where; the newest last");
  const auto arguments = std::make_shared<AuditArguments>();
  audit.add_option("--since", arguments->since, "Only from then on: 12h, 7d, or 2026-01-31T12:00:00Z")
      ->type_name("TIME");
  audit.add_option("--user", arguments->user, "Only what this user did; \"server\" for what it does by itself")
      ->type_name("NAME");
  audit.add_option("--action", arguments->action, "Only this, or all that begin so, as token.")->type_name("ACTION");
  audit.add_option("--subject", arguments->subject, "Only what happened to this job, blob, token, worker")
      ->type_name("ID");
  audit.add_option("--limit", arguments->limit, "The newest so many")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N")
      ->capture_default_str();
  audit.footer(
      "Examples:\n"
      "  joinery admin audit --since 7d --user ann\n"
      "  joinery admin audit --action token. --json\n"
      "  joinery admin audit --subject j20260131-120000-0a1b2c3d4e5f");
  audit.callback([arguments, command] {
    *command = [arguments](Invocation& invocation) { return Audit(invocation, *arguments); };
  });
}

}  // namespace joinery::client
