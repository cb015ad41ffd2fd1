// What every command is given: the options all commands share, and the means to talk to people and to the server.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "client/config_file.h"
#include "client/interruption.h"
#include "client/output.h"
#include "client/progress.h"
#include "client/session.h"
#include "telemetry/tracer.h"

namespace joinery::client {

struct GlobalOptions {
  std::string server;  // Empty: look elsewhere.
  credentials::Sources credentials;
  bool json = false;
  bool quiet = false;
  bool no_color = false;
  std::string progress = "auto";
  std::string connect_timeout = "5s";
};

// Not thread-safe.
class Invocation {
 public:
  // All but the options outlive it.
  Invocation(GlobalOptions options, ProgressMode progress_mode, const Environment& environment, Console& console,
             const base::Clock& clock, Interruption& interruption, telemetry::Tracer& tracer);

  const GlobalOptions& options() const { return options_; }
  const Environment& environment() const { return environment_; }
  Console& console() { return console_; }
  const base::Clock& clock() const { return clock_; }
  Interruption& interruption() { return interruption_; }
  ProgressDisplay& progress() { return progress_; }

  // From now on that server, with that token, whatever was said elsewhere. Before Connect.
  void UseLogin(const std::string& server, const std::string& token);

  // The first call connects.
  absl::StatusOr<Session*> Connect();

  // For a person, on stderr: not with --json or --quiet.
  void Note(absl::string_view line);

  // The table as --quiet (the first column alone), a terminal or a pipe wants it.
  absl::Status PrintTable(const Table& table);

  // Ctrl-C leaves this job going on, and people must be told how to find it again.
  void set_job_id(const std::string& job_id) { job_id_ = job_id; }
  const std::string& job_id() const { return job_id_; }

 private:
  GlobalOptions options_;
  const Environment& environment_;
  Console& console_;
  const base::Clock& clock_;
  Interruption& interruption_;
  telemetry::Tracer& tracer_;
  ProgressDisplay progress_;
  std::unique_ptr<Session> session_;
  std::string job_id_;
};

// "90s", "5m", "1h30m". kInvalidArgument, naming `option`, if it is not positive or not that.
absl::StatusOr<absl::Duration> ParsePositiveDuration(const std::string& text, absl::string_view option);

// What a command line asked for, run once all of it was understood.
using Command = std::function<absl::Status(Invocation&)>;

}  // namespace joinery::client
