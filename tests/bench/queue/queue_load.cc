// queue_load: many clients and workers at once against a real joineryd, the jobs being nothing but messages.
//
//   queue_load --joineryd build/bin/joineryd                              200 clients, 32 workers
//   queue_load --joineryd build/bin/joineryd --finished 100000 --queued 10000
//
// Reference: what a commit of SQLite and a call that does nothing take in this very run. Idle: one client submits, one
// job at a time, to idle workers: how long from the call until a worker has the job. Load: all clients submit at the
// same moment, watch their jobs to the end and submit the next, while all workers run them; every event must arrive,
// once and in order. Ends with 1 if a call failed or an event was lost.
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "tests/bench/queue/fill.h"
#include "tests/bench/queue/load.h"
#include "tests/bench/queue/reference.h"
#include "tests/bench/queue/server_process.h"

namespace joinery::bench {
namespace {

struct Arguments {
  std::string joineryd;
  std::string folder = std::filesystem::temp_directory_path().string();
  int clients = 200;
  int workers = 32;
  int jobs_per_client = 20;
  int idle_jobs = 200;
  int finished = 0;
  int queued = 0;
};

using Crowd = std::vector<std::unique_ptr<Client>>;

double OwnCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool MeasureCommits(const std::string& folder) {
  Figures single;
  Figures group;
  if (!MeasureBareCommits(folder, 300, 1, single) || !MeasureBareCommits(folder, 100, 64, group)) return false;
  std::cout << "reference: commit of one row " << single.Describe() << "\nreference: commit of 64 rows "
            << group.Describe() << std::endl;
  return true;
}

void MeasureIdle(Client& client, const Arguments& arguments, Totals& totals) {
  for (int i = 0; i < arguments.idle_jobs; ++i) {
    absl::BlockingCounter left(1);
    totals.idle_sent_at = absl::ToUnixNanos(absl::Now());
    client.Start(1, left);
    left.Wait();
    absl::SleepFor(absl::Milliseconds(5));  // The worker asks again.
  }
  std::cout << "idle: submit " << totals.submit.Describe() << "\nidle: from submission to lease "
            << totals.until_leased.Describe() << std::endl;
}

void MeasureEmptyCalls(const Crowd& crowd) {
  Figures figures;
  absl::BlockingCounter left(static_cast<int>(crowd.size()));
  for (const auto& client : crowd) client->StartEmptyCalls(20, figures, left);
  left.Wait();
  std::cout << "reference: empty call, all clients at once " << figures.Describe() << std::endl;
}

void MeasureLoad(const Crowd& crowd, const Arguments& arguments, const ServerProcess& server, Totals& load) {
  const double server_cpu = server.cpu_seconds();
  const double own_cpu = OwnCpuSeconds();
  const absl::Time begin = absl::Now();
  absl::BlockingCounter left(static_cast<int>(crowd.size()));
  for (const auto& client : crowd) client->Start(arguments.jobs_per_client, left);
  left.Wait();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  Figures all;
  all.Add(load.first_submit);
  all.Add(load.submit);
  const auto jobs = static_cast<double>(all.count());
  std::cout << "load: submit " << all.Describe() << "\nload: submit, the first of each client, all at one moment "
            << load.first_submit.Describe() << "\nload: submit, the others " << load.submit.Describe() << std::endl;
  std::cout << absl::StrFormat(
                   "load: %.0f jobs in %.2f s, %.0f a second; processor a job: server %.2f ms, clients and workers "
                   "%.2f ms; errors %d, lost events %d",
                   jobs, seconds, jobs / seconds, (server.cpu_seconds() - server_cpu) / jobs * 1e3,
                   (OwnCpuSeconds() - own_cpu) / jobs * 1e3, load.errors.load(), load.lost_events.load())
            << std::endl;
}

int Measure(const Arguments& arguments, const ServerProcess& server) {
  Totals totals;
  Totals load;
  const v1::BlobRef blob = Upload(Connect(server.address()), "bytes", totals);
  Crowd crowd;
  for (int i = 0; i < arguments.clients; ++i) {
    crowd.push_back(std::make_unique<Client>(server.address(), 1 + i, blob, load));
  }
  for (const auto& client : crowd) client->WaitUntilConnected();
  MeasureEmptyCalls(crowd);
  std::vector<std::unique_ptr<Worker>> workers;
  absl::BlockingCounter working(arguments.workers);
  for (int i = 0; i < arguments.workers; ++i) {
    workers.push_back(std::make_unique<Worker>(server.address(), i, blob, totals));
    workers.back()->Start(working);
  }
  Client alone(server.address(), 0, blob, totals);
  MeasureIdle(alone, arguments, totals);
  MeasureLoad(crowd, arguments, server, load);
  totals.stop = true;
  working.Wait();
  return totals.errors + totals.lost_events + load.errors + load.lost_events == 0 ? 0 : 1;
}

int Run(const Arguments& arguments, const std::string& folder) {
  if (!MeasureCommits(folder)) {
    std::cerr << "SQLite does not work in " << folder << '\n';
    return 1;
  }
  if (arguments.finished + arguments.queued > 0) {
    const absl::Status status = Fill(folder, arguments.finished, arguments.queued);
    if (!status.ok()) {
      std::cerr << "cannot fill the database: " << status << '\n';
      return 1;
    }
  }
  const ServerProcess server(arguments.joineryd, folder);
  if (server.address().empty()) {
    std::cerr << arguments.joineryd << " did not start\n";
    return 1;
  }
  return Measure(arguments, server);
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Many clients and workers at once against joineryd");
  app.add_option("--joineryd", arguments.joineryd, "The server to start")->required();
  app.add_option("--folder", arguments.folder, "Where its data folder is made, and removed in the end")
      ->capture_default_str();
  app.add_option("--clients", arguments.clients)->capture_default_str();
  app.add_option("--workers", arguments.workers)->capture_default_str();
  app.add_option("--jobs-per-client", arguments.jobs_per_client)->capture_default_str();
  app.add_option("--idle-jobs", arguments.idle_jobs, "Submitted one at a time, to idle workers")->capture_default_str();
  app.add_option("--finished", arguments.finished, "Finished jobs in the database from the start");
  app.add_option("--queued", arguments.queued, "Queued jobs that no worker can take, from the start");
  CLI11_PARSE(app, argc, argv);
  std::string folder = arguments.folder + "/queue_load.XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const int exit_code = Run(arguments, folder);
  std::filesystem::remove_all(folder);
  return exit_code;
}

}  // namespace
}  // namespace joinery::bench

int main(int argc, char** argv) { return joinery::bench::Main(argc, argv); }
