// queue_load: many clients and workers at once against a real joineryd, the jobs being nothing but messages.
//
//   queue_load --joineryd build/bin/joineryd                              200 clients, 32 workers
//   queue_load --joineryd build/bin/joineryd --finished 100000 --queued 10000
//
// Two parts. Idle: one client submits, one job at a time, to idle workers: how long from the call until a worker has
// the job. Load: all clients submit and watch their jobs to the end while all workers
// run them; every event must arrive, once and in order. Ends with 1 if a call failed or an event was lost.
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/digest.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "joinery/v1/jobs.grpc.pb.h"
#include "joinery/v1/workers.grpc.pb.h"
#include "tests/bench/queue/figures.h"
#include "tests/bench/queue/fill.h"

extern char** environ;

namespace joinery::bench {
namespace {

constexpr int kLinesPerJob = 5;

struct Arguments {
  std::string joineryd;
  int clients = 200;
  int workers = 32;
  int jobs_per_client = 5;
  int idle_jobs = 200;
  int finished = 0;
  int queued = 0;
};

// joineryd on a folder of its own, for as long as this lives.
class Server {
 public:
  Server(const std::string& program, const std::string& folder) {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) return;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, pipe_ends[0]);
    std::vector<std::string> words = {program, "--listen", "127.0.0.1:0", "--data-dir", folder, "--log-level", "warn"};
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn(&pid_, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    // "joineryd VERSION listening on HOST:PORT (data in ...)".
    std::string line;
    for (char c = 0; read(pipe_ends[0], &c, 1) == 1 && c != '\n';) line.push_back(c);
    close(pipe_ends[0]);
    const size_t begin = line.find("listening on ");
    if (begin == std::string::npos) return;
    address_ = line.substr(begin + 13, line.find(' ', begin + 13) - begin - 13);
  }
  ~Server() {
    if (pid_ <= 0) return;
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Empty if it could not be started.
  const std::string& address() const { return address_; }

 private:
  pid_t pid_ = 0;
  std::string address_;
};

struct Totals {
  Figures submit;
  Figures until_leased;
  std::atomic<int> errors = 0;
  std::atomic<int> lost_events = 0;
  std::atomic<int> finished = 0;
  std::atomic<bool> stop = false;
  // When the job that is submitted while all workers are idle was sent, as nanoseconds.
  std::atomic<int64_t> idle_sent_at = 0;
};

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

void Check(const grpc::Status& status, const char* what, Totals& totals) {
  if (status.ok()) return;
  ++totals.errors;
  std::cerr << what << ": " << status.error_message() << '\n';
}

v1::BlobRef Upload(const std::shared_ptr<grpc::Channel>& channel, const std::string& bytes, Totals& totals) {
  v1::BlobRef blob;
  blob.set_digest(base::Sha256(bytes));
  blob.set_size(static_cast<int64_t>(bytes.size()));
  grpc::ClientContext context;
  v1::UploadBlobResponse response;
  const auto writer = v1::BlobService::NewStub(channel)->UploadBlob(&context, &response);
  v1::UploadBlobRequest message;
  *message.mutable_header() = blob;
  writer->Write(message);
  message.mutable_chunk()->set_data(bytes);
  writer->Write(message);
  writer->WritesDone();
  Check(writer->Finish(), "UploadBlob", totals);
  return blob;
}

class Client {
 public:
  Client(const std::string& address, int number, v1::BlobRef blob, Totals& totals)
      : channel_(Connect(address)),
        stub_(v1::JobService::NewStub(channel_)),
        number_(number),
        blob_(std::move(blob)),
        totals_(totals) {}

  // What is measured are calls, not connecting.
  void WaitUntilConnected() { channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + absl::Seconds(30))); }

  // The job's id.
  std::string Submit() {
    v1::CreateJobRequest request;
    request.set_request_id(absl::StrCat("client ", number_, " job ", next_++));
    v1::BuildSpec& build = *request.mutable_spec()->mutable_build();
    *build.mutable_model() = blob_;
    *build.mutable_calibration() = blob_;
    build.set_configuration(std::string(500, '#'));
    build.set_model_name(request.request_id());
    request.mutable_options()->set_fresh(true);
    grpc::ClientContext context;
    v1::Job job;
    const absl::Time begin = absl::Now();
    Check(stub_->CreateJob(&context, request, &job), "CreateJob", totals_);
    totals_.submit.Add(absl::Now() - begin);
    return job.id();
  }

  void Watch(const std::string& id) {
    grpc::ClientContext context;
    v1::WatchJobRequest request;
    request.set_id(id);
    const auto reader = stub_->WatchJob(&context, request);
    v1::JobEvent event;
    int64_t sequence = 0;
    int lines = 0;
    bool succeeded = false;
    while (reader->Read(&event)) {
      if (event.sequence() != ++sequence) ++totals_.lost_events;
      lines += event.has_log() ? 1 : 0;
      succeeded = event.has_job() && event.job().state() == v1::JOB_STATE_SUCCEEDED;
    }
    Check(reader->Finish(), "WatchJob", totals_);
    if (lines != kLinesPerJob || !succeeded) ++totals_.lost_events;
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::JobService::Stub> stub_;
  const int number_;
  const v1::BlobRef blob_;
  Totals& totals_;
  int next_ = 0;
};

class Worker {
 public:
  Worker(const std::string& address, int number, v1::BlobRef blob, Totals& totals)
      : stub_(v1::WorkerService::NewStub(Connect(address))), number_(number), blob_(std::move(blob)), totals_(totals) {}

  void RunUntilStopped() {
    while (!totals_.stop) {
      grpc::ClientContext context;
      v1::LeaseJobRequest request;
      request.set_worker(absl::StrCat("worker ", number_));
      request.set_compiler_version("1");
      request.mutable_wait()->set_seconds(1);
      v1::LeaseJobResponse response;
      Check(stub_->LeaseJob(&context, request, &response), "LeaseJob", totals_);
      if (response.has_lease()) Run(response.lease().token());
    }
  }

 private:
  void Run(const std::string& token) {
    const int64_t sent_at = totals_.idle_sent_at.exchange(0);
    if (sent_at != 0) totals_.until_leased.Add(absl::Now() - absl::FromUnixNanos(sent_at));
    v1::HeartbeatRequest heartbeat;
    heartbeat.set_token(token);
    heartbeat.set_first_event(1);
    for (int i = 0; i < kLinesPerJob; ++i) heartbeat.add_events()->mutable_log()->set_text("a line of the log");
    grpc::ClientContext heartbeat_context;
    v1::HeartbeatResponse answer;
    Check(stub_->Heartbeat(&heartbeat_context, heartbeat, &answer), "Heartbeat", totals_);
    v1::FinishJobRequest finish;
    finish.set_token(token);
    *finish.mutable_result()->mutable_artifact() = blob_;
    *finish.mutable_result()->mutable_report() = blob_;
    grpc::ClientContext finish_context;
    v1::FinishJobResponse finished;
    Check(stub_->FinishJob(&finish_context, finish, &finished), "FinishJob", totals_);
    ++totals_.finished;
  }

  const std::unique_ptr<v1::WorkerService::Stub> stub_;
  const int number_;
  const v1::BlobRef blob_;
  Totals& totals_;
};

void Await(const std::atomic<int>& value, int wanted) {
  while (value < wanted) absl::SleepFor(absl::Milliseconds(1));
}

void MeasureIdle(Client& client, const Arguments& arguments, Totals& totals) {
  for (int i = 0; i < arguments.idle_jobs; ++i) {
    const int before = totals.finished;
    totals.idle_sent_at = absl::ToUnixNanos(absl::Now());
    client.Submit();
    Await(totals.finished, before + 1);
    absl::SleepFor(absl::Milliseconds(5));  // The worker asks again.
  }
}

template <typename Body>
void InThreads(std::vector<std::unique_ptr<Client>>& clients, const Body& body) {
  std::vector<std::thread> threads;
  threads.reserve(clients.size());
  for (const auto& client : clients) threads.emplace_back([&body, raw = client.get()] { body(*raw); });
  for (std::thread& thread : threads) thread.join();
}

int Run(const Arguments& arguments, const std::string& folder) {
  if (arguments.finished + arguments.queued > 0) {
    const absl::Status status = Fill(folder, arguments.finished, arguments.queued);
    if (!status.ok()) {
      std::cerr << "cannot fill the database: " << status << '\n';
      return 1;
    }
  }
  const Server server(arguments.joineryd, folder);
  if (server.address().empty()) {
    std::cerr << arguments.joineryd << " did not start\n";
    return 1;
  }
  Totals totals;
  const v1::BlobRef blob = Upload(Connect(server.address()), "bytes", totals);
  Client alone(server.address(), 0, blob, totals);
  std::vector<std::thread> workers;
  workers.reserve(static_cast<size_t>(arguments.workers));
  for (int i = 0; i < arguments.workers; ++i) {
    workers.emplace_back([&, i] { Worker(server.address(), i, blob, totals).RunUntilStopped(); });
  }
  MeasureIdle(alone, arguments, totals);
  std::cout << "idle: submit " << totals.submit.Describe() << "\nidle: from submission to lease "
            << totals.until_leased.Describe() << std::endl;
  Totals load;
  std::vector<std::unique_ptr<Client>> crowd;
  for (int i = 0; i < arguments.clients; ++i) {
    crowd.push_back(std::make_unique<Client>(server.address(), 1 + i, blob, load));
  }
  InThreads(crowd, [](Client& client) { client.WaitUntilConnected(); });
  const absl::Time begin = absl::Now();
  InThreads(crowd, [&](Client& client) {
    for (int i = 0; i < arguments.jobs_per_client; ++i) client.Watch(client.Submit());
  });
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  std::cout << "load: submit " << load.submit.Describe() << "\nload: " << load.submit.count() << " jobs in " << seconds
            << " s, errors " << load.errors + totals.errors << ", lost events " << load.lost_events << std::endl;
  totals.stop = true;
  for (std::thread& worker : workers) worker.join();
  return load.errors + totals.errors + load.lost_events == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Many clients and workers at once against joineryd");
  app.add_option("--joineryd", arguments.joineryd, "The server to start")->required();
  app.add_option("--clients", arguments.clients)->capture_default_str();
  app.add_option("--workers", arguments.workers)->capture_default_str();
  app.add_option("--jobs-per-client", arguments.jobs_per_client)->capture_default_str();
  app.add_option("--idle-jobs", arguments.idle_jobs, "Submitted one at a time, to idle workers")->capture_default_str();
  app.add_option("--finished", arguments.finished, "Finished jobs in the database from the start");
  app.add_option("--queued", arguments.queued, "Queued jobs that no worker can take, from the start");
  CLI11_PARSE(app, argc, argv);
  std::string folder = (std::filesystem::temp_directory_path() / "queue_load.XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const int exit_code = Run(arguments, folder);
  std::filesystem::remove_all(folder);
  return exit_code;
}

}  // namespace
}  // namespace joinery::bench

int main(int argc, char** argv) { return joinery::bench::Main(argc, argv); }
