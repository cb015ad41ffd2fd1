// joineryd: the command line, the stores on disk, and signals.
#include <grpc/support/log.h>
#include <malloc.h>
#include <pthread.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/version.h"
#include "server/access/administration.h"
#include "server/access/tls.h"
#include "server/access/token_authenticator.h"
#include "server/data_folder.h"
#include "server/listen_address.h"
#include "server/maintenance/commands.h"
#include "server/maintenance/housekeeper.h"
#include "server/maintenance/scrub.h"
#include "server/server.h"
#include "server/token_command.h"
#include "storage/local/blob_store.h"
#include "storage/sqlite/access_store.h"
#include "storage/sqlite/audit_log.h"
#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/error_log.h"
#include "storage/sqlite/job_store.h"
#include "telemetry/log.h"
#include "telemetry/otlp.h"

namespace joinery::server {
namespace {

constexpr int kUsageError = 2;
constexpr int kServiceFault = 6;
constexpr int kLocalError = 10;
constexpr absl::Duration kCertificateWarning = absl::Hours(24 * 14);
constexpr absl::Duration kShutdownGrace = absl::Seconds(2);
// An upload passes through any of gRPC's threads, and an arena keeps the most that it ever had.
constexpr int kMallocArenas = 2;
// Chunks of uploads are below the one and their sum below the other: else each is memory that the kernel gives, clears
// and takes back.
constexpr int kMallocMapBytes = 4 << 20;
constexpr int kMallocKeepBytes = 8 << 20;

struct Arguments {
  std::string data_folder;
  std::string listen = ServerOptions().listen;
  bool listen_anywhere = false;
  access::TlsOptions tls;
  access::ConnectionLimits connections;
  double lease_term_seconds = 15;
  double max_attempt_minutes = 60;
  double retain_jobs_days = 0;
  double retain_audit_days = 400;
  storage::QueueLimits queue;
  UploadLimits uploads;
  double keep_unused_hours = 24;
  double scrub_days = 7;
  int64_t scrub_bytes_per_second = ScrubOptions().bytes_per_second;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string metrics_listen;
};

void Declare(CLI::App& app, Arguments& arguments) {
  app.set_version_flag("--version", std::string("joineryd ") + base::kVersion);
  app.add_option("--data-dir", arguments.data_folder,
                 "Folder for blobs and jobs (default: $XDG_DATA_HOME/joinery or ~/.local/share/joinery)");
  app.add_option("--listen", arguments.listen, "Address to listen on; port 0 takes a free one")->capture_default_str();
  app.add_flag("--insecure-listen-anywhere", arguments.listen_anywhere,
               "Allow --listen addresses that other hosts reach, without encryption or login");
  app.add_option("--tls-cert", arguments.tls.certificate_file, "The server's certificate (PEM): encrypts what is said")
      ->type_name("FILE");
  app.add_option("--tls-key", arguments.tls.key_file, "The certificate's key (PEM)")->type_name("FILE");
  app.add_option("--tls-client-ca", arguments.tls.client_ca_file,
                 "Who signs the certificates of clients (PEM): each of them needs one then")
      ->type_name("FILE");
  app.add_option("--max-connections", arguments.connections.total, "Most connections at a time")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--max-connections-per-host", arguments.connections.per_host, "Most of them from one address")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--lease-term", arguments.lease_term_seconds,
                 "Seconds after which a silent worker's job goes to another")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--max-attempt-time", arguments.max_attempt_minutes,
                 "Minutes that a worker may take for a job; waiting does not count")
      ->check(CLI::Range(0.001, 525600.0))
      ->capture_default_str();
  app.add_option("--max-queued-per-user", arguments.queue.max_queued_per_user,
                 "Most jobs that a user may have waiting, unless a quota says otherwise (default: no limit)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--max-running-per-user", arguments.queue.max_running_per_user,
                 "Most jobs that a user may have running, unless a quota says otherwise (default: no limit)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--retain-jobs", arguments.retain_jobs_days,
                 "Days after which finished jobs are deleted, with their history; 0: never")
      ->check(CLI::Range(0.0, 36500.0))
      ->capture_default_str();
  app.add_option("--retain-audit", arguments.retain_audit_days,
                 "Days after which entries of the audit log are deleted; 0: never")
      ->check(CLI::Range(0.0, 36500.0))
      ->capture_default_str();
  app.add_option("--max-blob-size", arguments.uploads.max_blob_bytes,
                 "Largest upload, in bytes; units such as 16GiB are known")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->capture_default_str();
  app.add_option("--max-project-bytes", arguments.uploads.max_project_bytes,
                 "Most that a project's blobs and unfinished uploads may have together (default: no limit)")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false));
  app.add_option("--keep-free", arguments.uploads.keep_free_bytes, "What uploads leave free on the disk")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->capture_default_str();
  app.add_option("--keep-unused-blobs", arguments.keep_unused_hours,
                 "Hours that a blob no job refers to stays after it was last used")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  app.add_option("--scrub-every", arguments.scrub_days,
                 "Days in which each blob is read again once, to find those that the disk has damaged; 0: never")
      ->check(CLI::Range(0.0, 36500.0))
      ->capture_default_str();
  app.add_option("--scrub-rate", arguments.scrub_bytes_per_second, "Most that is read for it, in bytes a second")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--log-level", arguments.log_level, "debug, info, warn or error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", arguments.log_format, "text, or json: one object a line")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option(
      "--metrics-listen", arguments.metrics_listen,
      "HOST:PORT where /metrics, /healthz and /readyz are served, such as 127.0.0.1:7421 (default: nowhere)");
}

void SetUpLog(const Arguments& arguments) {
  telemetry::SetUpLog({.name = "joineryd", .level = arguments.log_level, .format = arguments.log_format});
  // What gRPC says of single connections is for those who look for a fault; errors that matter come as a Status.
  gpr_set_log_function(
      [](gpr_log_func_args* line) { spdlog::debug("grpc message={}", telemetry::LogValue(line->message)); });
  const absl::Status watched = storage::WatchSqliteErrors([](absl::string_view code, absl::string_view message) {
    spdlog::warn("sqlite code={} error={}", std::string(code), telemetry::LogValue(message));
  });
  if (!watched.ok()) spdlog::warn("{}", std::string(watched.message()));
}

std::unique_ptr<telemetry::Tracer> MakeTracer(const base::Clock& clock) {
  const auto environment = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  absl::Status problem;
  auto tracer = telemetry::TracerFrom(environment, "joineryd", "", clock, &problem);
  if (!problem.ok()) spdlog::warn("tracing is off error={}", telemetry::LogValue(problem.message()));
  return tracer;
}

// Before any thread is started: all of them then leave these signals to the one that waits for them.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

absl::StatusOr<std::vector<storage::OwnedBlob>> ListBlobs(storage::BlobStore& blobs) {
  std::vector<storage::OwnedBlob> all;
  RETURN_IF_ERROR(blobs.ForEach([&all](const storage::StoredBlob& blob) {
    all.push_back({.digest = blob.digest, .size = blob.size});
    return absl::OkStatus();
  }));
  return all;
}

absl::StatusOr<std::unique_ptr<storage::SqliteBlobOwners>> OpenBlobOwners(const std::string& path,
                                                                          const base::Clock& clock,
                                                                          std::shared_ptr<storage::Writer> writer,
                                                                          storage::BlobStore& blobs) {
  ASSIGN_OR_RETURN(auto owners, storage::SqliteBlobOwners::Open(path, clock, std::move(writer)));
  // Blobs that are older than projects go to the project of whoever needs no token.
  RETURN_IF_ERROR(owners->AdoptOnce(access::LocalCaller().project, [&blobs] { return ListBlobs(blobs); }));
  return owners;
}

storage::QueueLimits QueueLimitsOf(const Arguments& arguments) {
  storage::QueueLimits limits = arguments.queue;
  limits.max_attempt_duration = absl::Minutes(arguments.max_attempt_minutes);
  return limits;
}

AdminServiceOptions AdminOptionsOf(const Arguments& arguments, access::Administration& administration,
                                   storage::AuditLog& audit_log) {
  AdminServiceOptions options = {.administration = &administration, .audit_log = &audit_log};
  if (arguments.queue.max_queued_per_user > 0) options.user_defaults.queued_jobs = arguments.queue.max_queued_per_user;
  if (arguments.queue.max_running_per_user > 0) {
    options.user_defaults.running_jobs = arguments.queue.max_running_per_user;
  }
  if (arguments.uploads.max_project_bytes < std::numeric_limits<int64_t>::max()) {
    options.project_defaults.blob_bytes = arguments.uploads.max_project_bytes;
  }
  return options;
}

// Whether what was said of access allows the address.
absl::Status CheckAccess(const Arguments& arguments, storage::AccessStore& tokens, const base::Clock& clock) {
  ASSIGN_OR_RETURN(const absl::Time valid_until, access::CheckTlsFiles(arguments.tls, clock.Now()));
  if (valid_until - clock.Now() < kCertificateWarning) {
    spdlog::warn("certificate={} expires={}", arguments.tls.certificate_file, absl::FormatTime(valid_until));
  }
  if (CheckLoopback(arguments.listen).ok() || arguments.listen_anywhere) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool has_tokens, tokens.HasTokens());
  if (has_tokens) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--listen ", arguments.listen, " with TLS but without tokens would let everybody in; make the first ",
      "with joineryd token create --user NAME --scope admin --data-dir ", arguments.data_folder));
}

absl::StatusOr<std::string> DescribeAccess(const Arguments& arguments, storage::AccessStore& tokens) {
  ASSIGN_OR_RETURN(const bool has_tokens, tokens.HasTokens());
  const char* const encryption = !IsEnabled(arguments.tls)              ? "no encryption"
                                 : arguments.tls.client_ca_file.empty() ? "TLS"
                                                                        : "mutual TLS";
  return absl::StrCat(CheckLoopback(arguments.listen).ok() ? "this host only, " : "", encryption, ", ",
                      has_tokens ? "tokens" : "no tokens");
}

absl::Status Serve(const Arguments& arguments, const sigset_t& stop_signals) {
  const base::RealClock clock;
  const std::unique_ptr<telemetry::Tracer> tracer = MakeTracer(clock);
  const absl::Duration lease_term = absl::Seconds(arguments.lease_term_seconds);
  ASSIGN_OR_RETURN(const base::UniqueFd lock, ClaimDataFolder(arguments.data_folder));
  storage::RealFileSystem file_system;
  ASSIGN_OR_RETURN(const auto blobs, storage::LocalBlobStore::Open(arguments.data_folder, file_system, clock));
  const storage::SqliteJobStoreOptions job_options = {.path = arguments.data_folder + "/joinery.db",
                                                      .restart_grace = lease_term,
                                                      .vfs = "",
                                                      .limits = QueueLimitsOf(arguments)};
  ASSIGN_OR_RETURN(const auto jobs, storage::SqliteJobStore::Open(job_options, clock, storage::SystemRandomBytes));
  ASSIGN_OR_RETURN(const auto owners, OpenBlobOwners(job_options.path, clock, jobs->writer(), *blobs));
  ASSIGN_OR_RETURN(const auto tokens, storage::SqliteAccessStore::Open({.path = job_options.path, .vfs = ""}));
  RETURN_IF_ERROR(CheckAccess(arguments, *tokens, clock));
  ASSIGN_OR_RETURN(const auto audit_log, storage::SqliteAuditLog::Open(job_options.path, jobs->writer()));
  access::Administration administration(*tokens, clock, storage::SystemRandomBytes);
  const ServerOptions options = {
      .listen = arguments.listen,
      .tls = arguments.tls,
      .connections = arguments.connections,
      .admin = AdminOptionsOf(arguments, administration, *audit_log),
      .jobs = {.lease_term = lease_term, .retain_jobs = absl::Hours(24 * arguments.retain_jobs_days)},
      .uploads = arguments.uploads,
      .monitoring = {.listen = arguments.metrics_listen, .tracer = tracer.get(), .readiness = {}}};
  access::TokenAuthenticator authenticator({}, *tokens, clock);
  ASSIGN_OR_RETURN(const auto server, Server::Start(options, authenticator, *jobs, *blobs, *owners, clock));

  HousekeepingOptions housekeeping;
  housekeeping.folder = arguments.data_folder;
  housekeeping.keep_unused = absl::Hours(arguments.keep_unused_hours);
  housekeeping.audit_log = audit_log.get();
  if (arguments.retain_audit_days > 0) housekeeping.keep_audit = absl::Hours(24 * arguments.retain_audit_days);
  const Housekeeper housekeeper(housekeeping, *blobs, server->blob_access(), clock);

  ScrubOptions scrub;
  scrub.folder = arguments.data_folder;
  scrub.period = absl::Hours(24 * arguments.scrub_days);
  scrub.bytes_per_second = arguments.scrub_bytes_per_second;
  std::optional<Scrubber> scrubber;
  if (scrub.period > absl::ZeroDuration()) scrubber.emplace(scrub, *blobs, server->observer(), clock);

  ASSIGN_OR_RETURN(const std::string access, DescribeAccess(arguments, *tokens));
  std::cout << "joineryd " << base::kVersion << " listening on " << WithPort(arguments.listen, server->port())
            << " (data in " << arguments.data_folder << "; " << access << ")" << std::endl;
  int signal = 0;
  sigwait(&stop_signals, &signal);
  spdlog::info("stopping signal={}", signal == SIGTERM ? "SIGTERM" : "SIGINT");
  // A second signal ends the process at once.
  pthread_sigmask(SIG_UNBLOCK, &stop_signals, nullptr);
  server->Shutdown(kShutdownGrace);
  return absl::OkStatus();
}

int ExitCodeOf(const absl::Status& status) {
  if (status.ok()) return 0;
  if (absl::IsInvalidArgument(status)) return kUsageError;
  return absl::IsInternal(status) ? kServiceFault : kLocalError;
}

int Fail(const absl::Status& status, int exit_code) {
  std::cerr << "error: " << status.message() << '\n';
  return exit_code;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("joineryd: keeps models and jobs, and hands the jobs to workers", "joineryd");
  Declare(app, arguments);
  MaintenanceCommands maintenance(app);
  TokenCommand token(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  if (arguments.data_folder.empty()) {
    const absl::StatusOr<std::string> folder = DefaultDataFolder();
    if (!folder.ok()) return Fail(folder.status(), kUsageError);
    arguments.data_folder = *folder;
  }
  if (const auto ended = maintenance.Run(arguments.data_folder, std::cout); ended.has_value()) {
    return ended->ok() ? **ended : Fail(ended->status(), ExitCodeOf(ended->status()));
  }
  if (const auto ended = token.Run(arguments.data_folder, std::cout); ended.has_value()) {
    return ended->ok() ? **ended : Fail(ended->status(), ExitCodeOf(ended->status()));
  }
  if (const absl::Status status = CheckLoopback(arguments.listen); !status.ok()) {
    const bool may_listen = arguments.listen_anywhere || IsEnabled(arguments.tls);
    if (absl::IsInvalidArgument(status) || !may_listen) return Fail(status, kUsageError);
  }
  mallopt(M_ARENA_MAX, kMallocArenas);
  mallopt(M_MMAP_THRESHOLD, kMallocMapBytes);
  mallopt(M_TRIM_THRESHOLD, kMallocKeepBytes);
  // Distributions build Abseil with its debug checks, and each lock of gRPC's then goes into one graph of all that are
  // held: a twentieth of a busy server's time.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  SetUpLog(arguments);
  const sigset_t stop_signals = BlockStopSignals();
  const absl::Status status = Serve(arguments, stop_signals);
  return status.ok() ? 0 : Fail(status, ExitCodeOf(status));
}

}  // namespace
}  // namespace joinery::server

int main(int argc, char** argv) {
  try {
    return joinery::server::Main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return joinery::server::kServiceFault;
  }
}
