// joinery-worker: leases jobs from a server and runs the compiler for them.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

#include "absl/random/random.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/version.h"
#include "credentials/credentials.h"
#include "gpu/nvidia_driver.h"
#include "spdlog/spdlog.h"
#include "telemetry/log.h"
#include "telemetry/otlp.h"
#include "telemetry/process_metrics.h"
#include "telemetry/status_endpoint.h"
#include "worker/blob_cache.h"
#include "worker/capabilities.h"
#include "worker/check_gpu.h"
#include "worker/command_line.h"
#include "worker/compiler_version.h"
#include "worker/gpu_pool.h"
#include "worker/lease_loop.h"
#include "worker/metrics.h"
#include "worker/rpc.h"
#include "worker/sandbox.h"
#include "worker/stopwatch.h"
#include "worker/work_folder.h"

namespace joinery::worker {
namespace {

// Threads count, too: the compiler has a few for each processor.
constexpr int64_t kMaxProcesses = 1024;

Surroundings LookAround() {
  std::array<char, 256> host_name{};
  gethostname(host_name.data(), host_name.size() - 1);
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return {.environment =
              [](const char* name) {
                const char* value = std::getenv(name);
                return std::string(value == nullptr ? "" : value);
              },
          .host_name = host_name.data(),
          .process_id = getpid(),
          .program_folder = program.parent_path()};
}

struct Stops {
  std::stop_source stop;
  std::stop_source hand_back;
};

// Whether one of `signals` comes within `time`. A process that is stopped and goes on is only interrupted: signal(7).
bool IsSignalled(const sigset_t& signals, absl::Duration time) {
  const Stopwatch stopwatch;
  const absl::Time end = stopwatch.Now() + time;
  while (true) {
    const timespec timeout = absl::ToTimespec(std::max(end - stopwatch.Now(), absl::ZeroDuration()));
    if (sigtimedwait(&signals, nullptr, &timeout) > 0) return true;
    if (errno != EINTR) return false;
  }
}

// The first SIGTERM or SIGINT requests `stop`, the second, or the end of `grace`, `hand_back`; the third ends the
// process, and the kernel its child with it. To be called before there are other threads, so that all have the signals
// blocked.
void HandleSignals(const std::shared_ptr<Stops>& stops, absl::Duration grace) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  // It may outlive main(), which takes the log down.
  std::thread([signals, grace, stops, log = spdlog::default_logger()] {
    int signal = 0;
    sigwait(&signals, &signal);
    log->info("stopping signal={} grace={}", signal, absl::FormatDuration(grace));
    stops->stop.request_stop();
    const bool is_asked_again = IsSignalled(signals, grace);
    log->info("handing back what runs because={}", is_asked_again ? "asked again" : "the grace is over");
    stops->hand_back.request_stop();
    sigwait(&signals, &signal);
    _exit(128 + signal);
  }).detach();
}

absl::StatusOr<std::unique_ptr<telemetry::StatusEndpoint>> ServeStatus(const Settings& settings,
                                                                       const WorkerMetrics& metrics,
                                                                       const telemetry::ProcessMetrics& process,
                                                                       const std::stop_token& stop) {
  if (settings.metrics_listen.empty()) return nullptr;
  const auto readiness = [&metrics, stop] {
    if (stop.stop_requested()) return absl::UnavailableError("the worker is stopping");
    return metrics.connected() ? absl::OkStatus() : absl::UnavailableError("the server cannot be reached");
  };
  ASSIGN_OR_RETURN(auto endpoint, telemetry::StatusEndpoint::Start({.listen = settings.metrics_listen,
                                                                    .readiness = readiness,
                                                                    .metrics = {&metrics.registry(), &process}}));
  spdlog::info("metrics at port={}", endpoint->port());
  return endpoint;
}

std::unique_ptr<telemetry::Tracer> MakeTracer(const std::string& worker_name, const base::Clock& clock) {
  absl::Status problem;
  auto tracer = telemetry::TracerFrom(LookAround().environment, "joinery-worker", worker_name, clock, &problem);
  if (!problem.ok()) spdlog::warn("tracing is off error={}", telemetry::LogValue(problem.message()));
  return tracer;
}

// A program of many threads uses its processors' time faster than the clock; the wall clock is the limit that people
// set, this one is for a child that somehow goes on beyond it.
absl::Duration CpuLimit(absl::Duration time_limit) {
  return time_limit * static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency())) + absl::Seconds(10);
}

ChildLimits MakeLimits(const Settings& settings) {
  return {.memory_bytes = settings.memory_bytes,
          .disk_bytes = settings.disk_bytes,
          .processes = kMaxProcesses,
          .cpu_time = CpuLimit(settings.time_limit),
          .wall_time = settings.time_limit};
}

// Those that were given, and one for each vendor's tool.
std::vector<std::string> LabelsOf(const Settings& settings) {
  std::vector<std::string> labels = settings.labels;
  for (const std::string& tool : settings.vendor_tools) labels.push_back("vendor:" + tool.substr(0, tool.find('=')));
  return labels;
}

absl::Status Run(const Settings& settings, const std::stop_token& stop, const std::stop_token& hand_back) {
  ASSIGN_OR_RETURN(const credentials::Credentials credentials, credentials::ReadCredentials(settings.credentials));
  RETURN_IF_ERROR(credentials::CheckTokenIsSafe(credentials, settings.server));
  ASSIGN_OR_RETURN(WorkFolder work_folder, WorkFolder::Open(settings.work_folder));
  ASSIGN_OR_RETURN(const ProvenSandbox proven,
                   ProveSandbox(settings.sandbox, settings.compiler, settings.readable, work_folder));
  gpu::NvidiaDriver driver;
  GpuPool gpus(driver,
               {.indices = settings.gpus, .lock_folder = settings.work_folder, .libraries = settings.gpu_libraries});
  const GpuPool::Check check_gpu = [&](const gpu::Gpu& gpu) {
    return CheckGpu(gpu, gpus, settings.compiler, proven.sandbox, work_folder);
  };
  const std::vector<std::string> gpu_report = gpus.Prove(check_gpu);
  if (settings.check_only) {
    std::cout << "compiler: " << settings.compiler << ' ' << proven.compiler_version << '\n';
    for (const std::string& line : proven.report) std::cout << line << '\n';
    for (const std::string& line : gpu_report) std::cout << "GPU " << line << '\n';
    if (gpu_report.empty()) std::cout << "GPU: none\n";
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const BlobCache cache, BlobCache::Open(settings.cache_folder, settings.cache_bytes));
  spdlog::info("worker started worker={} version={} compiler_version={} server={}", settings.name, base::kVersion,
               proven.compiler_version, settings.server);
  for (const std::string& line : proven.report) spdlog::info("sandbox {}", line);
  for (const std::string& line : gpu_report) spdlog::info("GPU {}", line);
  const base::RealClock clock;
  WorkerMetrics metrics;
  const telemetry::ProcessMetrics process;
  const std::unique_ptr<telemetry::Tracer> tracer = MakeTracer(settings.name, clock);
  ASSIGN_OR_RETURN(const auto endpoint, ServeStatus(settings, metrics, process, stop));
  const std::shared_ptr<grpc::Channel> channel = ConnectTo(settings.server, credentials, tracer.get(), &metrics.rpc());
  const std::unique_ptr<v1::WorkerService::Stub> workers = v1::WorkerService::NewStub(channel);
  const std::unique_ptr<v1::BlobService::Stub> blobs = v1::BlobService::NewStub(channel);
  const Stopwatch stopwatch;
  absl::BitGen random;
  const auto check = [&] { return ReadCompilerVersion(settings.compiler, proven.sandbox, work_folder).status(); };
  LeaseLoop loop({.worker_name = settings.name,
                  .server = settings.server,
                  .compiler = {settings.compiler, MakeLimits(settings), proven.sandbox, check, &gpus,
                               settings.vendor_tools, check_gpu},
                  .compiler_version = proven.compiler_version,
                  .capabilities = DetectCapabilities(settings.memory_bytes, LabelsOf(settings)),
                  .tracer = tracer.get(),
                  .metrics = &metrics},
                 *workers, *blobs, cache, work_folder, clock, stopwatch, random);
  return loop.Run(stop, hand_back);
}

}  // namespace
}  // namespace joinery::worker

int main(int argc, char** argv) {
  const joinery::worker::CommandLine command_line =
      joinery::worker::ParseCommandLine(argc, argv, joinery::worker::LookAround());
  if (!command_line.settings.has_value()) return command_line.exit_code;
  joinery::telemetry::SetUpLog({.name = "joinery-worker",
                                .level = command_line.settings->log_level,
                                .format = command_line.settings->log_format});
  const auto stops = std::make_shared<joinery::worker::Stops>();
  joinery::worker::HandleSignals(stops, command_line.settings->grace);
  const absl::Status status =
      joinery::worker::Run(*command_line.settings, stops->stop.get_token(), stops->hand_back.get_token());
  if (!status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return 10;
  }
  if (!command_line.settings->check_only) spdlog::info("worker stopped worker={}", command_line.settings->name);
  return 0;
}
