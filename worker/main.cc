// joinery-worker: leases jobs from a server and runs the compiler for them.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>

#include "absl/random/random.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/version.h"
#include "spdlog/sinks/stdout_color_sinks.h"
#include "spdlog/spdlog.h"
#include "worker/blob_cache.h"
#include "worker/command_line.h"
#include "worker/compiler_version.h"
#include "worker/lease_loop.h"
#include "worker/rpc.h"
#include "worker/stopwatch.h"
#include "worker/work_folder.h"

namespace joinery::worker {
namespace {

// No file a compiler writes is anywhere near as large.
constexpr int64_t kMaxFileBytes = int64_t{16} << 30;

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

// The first SIGTERM or SIGINT requests `stop`; the second ends the process, and the kernel its child with it. To be
// called before there are other threads, so that all have the signals blocked.
void HandleSignals(std::stop_source stop) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals, stop = std::move(stop)]() mutable {
    int signal = 0;
    sigwait(&signals, &signal);
    spdlog::info("stopping signal={}", signal);
    stop.request_stop();
    sigwait(&signals, &signal);
    _exit(128 + signal);
  }).detach();
}

void SetUpLog(const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("joinery-worker"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  spdlog::set_level(spdlog::level::from_str(level));
}

// A program of many threads uses its processors' time faster than the clock; the wall clock is the limit that people
// set, this one is for a child that somehow goes on beyond it.
absl::Duration CpuLimit(absl::Duration time_limit) {
  return time_limit * static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency())) + absl::Seconds(10);
}

absl::Status Run(const Settings& settings, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const BlobCache cache, BlobCache::Open(settings.cache_folder, settings.cache_bytes));
  ASSIGN_OR_RETURN(WorkFolder work_folder, WorkFolder::Open(settings.work_folder));
  ASSIGN_OR_RETURN(const std::string compiler_version, ReadCompilerVersion(settings.compiler, work_folder));
  spdlog::info("worker started worker={} version={} compiler_version={} server={}", settings.name, base::kVersion,
               compiler_version, settings.server);
  const std::shared_ptr<grpc::Channel> channel = ConnectTo(settings.server);
  const std::unique_ptr<v1::WorkerService::Stub> workers = v1::WorkerService::NewStub(channel);
  const std::unique_ptr<v1::BlobService::Stub> blobs = v1::BlobService::NewStub(channel);
  const base::RealClock clock;
  const Stopwatch stopwatch;
  absl::BitGen random;
  const ChildLimits limits{.memory_bytes = settings.memory_bytes,
                           .file_size_bytes = kMaxFileBytes,
                           .cpu_time = CpuLimit(settings.time_limit),
                           .wall_time = settings.time_limit};
  LeaseLoop loop(
      {.worker_name = settings.name, .compiler = {settings.compiler, limits}, .compiler_version = compiler_version},
      *workers, *blobs, cache, work_folder, clock, stopwatch, random);
  return loop.Run(stop);
}

}  // namespace
}  // namespace joinery::worker

int main(int argc, char** argv) {
  const joinery::worker::CommandLine command_line =
      joinery::worker::ParseCommandLine(argc, argv, joinery::worker::LookAround());
  if (!command_line.settings.has_value()) return command_line.exit_code;
  joinery::worker::SetUpLog(command_line.settings->log_level);
  const std::stop_source stop;
  joinery::worker::HandleSignals(stop);
  const absl::Status status = joinery::worker::Run(*command_line.settings, stop.get_token());
  if (!status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return 10;
  }
  spdlog::info("worker stopped worker={}", command_line.settings->name);
  return 0;
}
