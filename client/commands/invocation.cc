#include "client/commands/invocation.h"

#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/error.h"

namespace joinery::client {
namespace {

absl::StatusOr<credentials::Credentials> FindAndReadCredentials(const GlobalOptions& options, const std::string& server,
                                                                const Environment& environment) {
  ASSIGN_OR_RETURN(const credentials::Sources sources, FindCredentials(options.credentials, server, environment));
  absl::StatusOr<credentials::Credentials> read = credentials::ReadCredentials(sources);
  // Neither options nor content are wrong: a file cannot be read.
  if (!read.ok() && !absl::IsInvalidArgument(read.status())) return LocalIo(read.status());
  return read;
}

}  // namespace

Invocation::Invocation(GlobalOptions options, ProgressMode progress_mode, const Environment& environment,
                       Console& console, const base::Clock& clock, Interruption& interruption,
                       telemetry::Tracer& tracer)
    : options_(std::move(options)),
      environment_(environment),
      console_(console),
      clock_(clock),
      interruption_(interruption),
      tracer_(tracer),
      progress_(progress_mode, console, clock) {}

void Invocation::UseLogin(const std::string& server, const std::string& token) {
  options_.server = server;
  options_.credentials.token = token;
  options_.credentials.token_file.clear();
}

absl::StatusOr<Session*> Invocation::Connect() {
  if (session_ != nullptr) return session_.get();
  SessionOptions options;
  ASSIGN_OR_RETURN(options.server, FindServer(options_.server, environment_));
  ASSIGN_OR_RETURN(options.credentials, FindAndReadCredentials(options_, options.server, environment_));
  ASSIGN_OR_RETURN(options.connect_timeout, ParsePositiveDuration(options_.connect_timeout, "--connect-timeout"));
  options.random = [] {
    std::random_device device;
    return (static_cast<uint64_t>(device()) << 32U) | device();
  };
  options.notice = [this](absl::string_view sentence) { Note(sentence); };
  options.interruption = &interruption_;
  options.tracer = &tracer_;
  ASSIGN_OR_RETURN(session_, Session::Connect(std::move(options)));
  return session_.get();
}

void Invocation::Note(absl::string_view line) {
  if (options_.json || options_.quiet) return;
  progress_.Note(line);
}

absl::Status Invocation::PrintTable(const Table& table) {
  progress_.Clear();
  if (!options_.quiet) {
    return console_.Print(FormatTable(table, console_.traits().out_is_terminal, console_.traits().out_has_colour));
  }
  Table first_column;
  for (const std::vector<std::string>& row : table.rows) first_column.rows.push_back({row.front()});
  return console_.Print(FormatTable(first_column, /*for_people=*/false, /*colour=*/false));
}

absl::StatusOr<absl::Duration> ParsePositiveDuration(const std::string& text, absl::string_view option) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(option, " ", text, " is not a time like 90s, 5m or 1h30m"));
  }
  return duration;
}

}  // namespace joinery::client
