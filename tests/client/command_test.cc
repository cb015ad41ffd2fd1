// Runs the real program against a server in this process.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "tests/client/fake_server.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::client {
namespace {

using ::joinery::testing::FakeServer;
using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
  double cpu_seconds = 0;
};

std::string ReadAll(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  // A terminal whose other side closed says EIO.
  while ((count = read(fd, buffer.data(), buffer.size())) > 0) text.append(buffer.data(), static_cast<size_t>(count));
  close(fd);
  return text;
}

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    Write("model.onnx", "a model");
    Write("c.prototxt", "neuwizard_conf { dataset_conf_calibration { path: \"photos\" } }\n");
    std::filesystem::create_directory(folder_ / "photos");
    Write("photos/a.jpg", "a photo");
  }

  void Write(const std::string& name, const std::string& text) const {
    ASSERT_THAT(base::WriteFileAtomically(folder_ / name, text), IsOk());
  }

  // Starts the program with its output in pipes, or on a terminal; `signal_at`, if not empty, is the text in stderr
  // after which it gets Ctrl-C.
  Outcome Run(std::vector<std::string> arguments, bool terminal = false, const std::string& signal_at = "",
              const std::vector<std::string>& more_environment = {}) const {
    arguments.insert(arguments.begin(), JOINERY_PROGRAM);
    std::vector<std::string> environment = {absl::StrCat("JOINERY_SERVER=", server_.address()),
                                            absl::StrCat("XDG_STATE_HOME=", folder_.path(), "/state"),
                                            absl::StrCat("XDG_CONFIG_HOME=", folder_.path(), "/config"), "TERM=xterm"};
    environment.insert(environment.end(), more_environment.begin(), more_environment.end());
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    EXPECT_EQ(pipe2(err.data(), O_CLOEXEC), 0);
    if (terminal) {
      EXPECT_EQ(openpty(&out[0], &out[1], nullptr, nullptr, nullptr), 0);
    } else {
      EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    }
    const pid_t child = fork();
    if (child == 0) {
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      std::vector<char*> envp;
      for (std::string& variable : environment) envp.push_back(variable.data());
      envp.push_back(nullptr);
      dup2(out[1], 1);
      dup2(err[1], 2);
      if (chdir(folder_.path().c_str()) == 0) execve(argv[0], argv.data(), envp.data());
      _exit(99);
    }
    close(out[1]);
    close(err[1]);
    Outcome outcome;
    std::array<char, 1> byte{};
    while (!signal_at.empty() && outcome.err.find(signal_at) == std::string::npos &&
           read(err[0], byte.data(), 1) == 1) {
      outcome.err += byte[0];
    }
    if (!signal_at.empty()) kill(child, SIGINT);
    outcome.out = ReadAll(out[0]);
    outcome.err += ReadAll(err[0]);
    int status = 0;
    struct rusage usage {};
    wait4(child, &status, 0, &usage);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    outcome.cpu_seconds = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                          1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    return outcome;
  }

  void AddJob(v1::JobState state) {
    v1::Job job;
    job.set_id("job-1");
    job.set_state(state);
    job.mutable_spec()->mutable_build()->set_model_name("model.onnx");
    if (state == v1::JOB_STATE_SUCCEEDED) {
      *job.mutable_result()->mutable_artifact() = server_.AddBlob("the artifact");
      *job.mutable_result()->mutable_report() = server_.AddBlob("{\"warnings\":[\"opset was raised\"]}");
    }
    if (state == v1::JOB_STATE_FAILED) {
      job.mutable_failure()->set_reason(v1::FAILURE_REASON_INVALID_MODEL);
      job.mutable_failure()->set_message("the graph has a cycle");
    }
    server_.AddJob(job);
  }

  TemporaryFolder folder_;
  FakeServer server_;
};

TEST_F(CommandTest, CheckTellsWhatWasFoundAndExitsByIt) {
  v1::Job job;
  job.set_id("job-1");
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  job.mutable_spec()->mutable_check()->set_model_name("model.onnx");
  *job.mutable_result()->mutable_report() = server_.AddBlob(
      R"({"models":[{"model":"model.onnx","targets":[
          {"target":"AX630C","verdict":"CHECK_VERDICT_NEEDS_CPU","summary":"1 of 2 nodes run on the CPU"}]}]})");
  server_.AddJob(job);
  const Outcome outcome = Run({"check", "model.onnx", "--target", "AX630C"});
  EXPECT_EQ(outcome.exit_code, 11) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("AX630C: needs the CPU: 1 of 2 nodes run on the CPU"));
  EXPECT_THAT(outcome.err, Not(HasSubstr("error:")));
  EXPECT_EQ(Run({"fetch", "job-1"}).out, outcome.out);
}

TEST_F(CommandTest, BuildUploadsWaitsAndFetches) {
  AddJob(v1::JOB_STATE_SUCCEEDED);
  const Outcome outcome = Run({"build", "model.onnx", "--config", "c.prototxt", "--report", "r.json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "model.joint\n");
  EXPECT_THAT(outcome.err,
              AllOf(HasSubstr("job job-1\n"), HasSubstr("queued (2 ahead)\n"), HasSubstr("calibrate (3/7)"),
                    HasSubstr("warning: opset was raised"), Not(HasSubstr("\x1b")), Not(HasSubstr("\r"))));
  EXPECT_THAT(base::ReadFile(folder_ / "model.joint", 100), IsOkAndHolds("the artifact"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "r.json"));
  EXPECT_EQ(server_.state().submitted.calibration_name(), "photos");
  EXPECT_THAT(server_.state().uploads, SizeIs(2));
}

TEST_F(CommandTest, AJobAsksForAGpuAndItsMemory) {
  const std::vector<std::string> submit = {"submit", "model.onnx", "--config", "c.prototxt"};
  const auto run = [&](std::vector<std::string> options) {
    options.insert(options.begin(), submit.begin(), submit.end());
    return Run(options).exit_code;
  };
  const v1::BuildSpec& build = server_.state().submitted;
  const auto needs = [&] { return server_.state().submitted_options.requirements(); };
  EXPECT_EQ(run({}), 0);
  EXPECT_EQ(build.device(), v1::DEVICE_UNSPECIFIED);
  EXPECT_EQ(needs().gpus(), 0);
  EXPECT_EQ(run({"--gpu", "--gpu-memory", "8GiB"}), 0);
  EXPECT_EQ(build.device(), v1::DEVICE_CUDA);
  EXPECT_EQ(needs().gpus(), 1);
  EXPECT_EQ(needs().gpu_memory_bytes(), int64_t{8} << 30);
  EXPECT_EQ(run({"--device", "cuda", "--require-gpus", "2"}), 0);
  EXPECT_EQ(needs().gpus(), 2);
  EXPECT_EQ(run({"--device", "cpu"}), 0);
  EXPECT_EQ(build.device(), v1::DEVICE_CPU);
  EXPECT_EQ(needs().gpus(), 0);
  EXPECT_EQ(run({"--device", "tpu"}), 2);
}

TEST_F(CommandTest, AJobAsksForTheBinaryOfTheToolWhoseDialectItsConfigurationHas) {
  Write("c.json", R"({"quant": {"input_configs": [{"tensor_name": "DEFAULT", "calibration_dataset": "photos"}]}})");
  for (const auto& [file, tool] : {std::pair("c.prototxt", "pulsar"), std::pair("c.json", "pulsar2")}) {
    const Outcome outcome = Run({"submit", "model.onnx", "--config", file, "--calibration", "photos"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(server_.state().submitted.vendor_tool(), "");
    EXPECT_EQ(Run({"submit", "model.onnx", "--config", file, "--calibration", "photos", "--vendor-binary"}).exit_code,
              0);
    EXPECT_EQ(server_.state().submitted.vendor_tool(), tool);
  }
}

TEST_F(CommandTest, WorkersTellTheirGpus) {
  v1::Worker worker;
  worker.set_name("lab");
  worker.mutable_capabilities()->set_cpus(8);
  worker.mutable_capabilities()->set_gpus(1);
  worker.mutable_capabilities()->add_labels("vendor:pulsar2");
  v1::Gpu& gpu = *worker.mutable_capabilities()->add_gpu_devices();
  gpu.set_name("NVIDIA A10");
  gpu.set_architecture("8.6");
  gpu.set_memory_bytes(25'800'000'000);
  gpu.set_free_memory_bytes(20'100'000'000);
  server_.state().workers = {worker};
  EXPECT_THAT(Run({"workers"}).out,
              HasSubstr("8 CPUs, 1 GPUs, NVIDIA A10 (8.6, 20.1 GB of 25.8 GB free), vendor:pulsar2"));
}

TEST_F(CommandTest, AReportAsAWebPageIsFetchedIfThereIsOne) {
  AddJob(v1::JOB_STATE_SUCCEEDED);
  const std::vector<std::string> fetch = {"fetch", "job-1", "--html-report", "r.html"};
  const Outcome without = Run(fetch);
  EXPECT_NE(without.exit_code, 0);
  EXPECT_THAT(without.err, HasSubstr("submit it again with --fresh"));
  v1::Job job = server_.state().jobs.at("job-1");
  *job.mutable_result()->mutable_html_report() = server_.AddBlob("<p>the report");
  server_.AddJob(job);
  EXPECT_EQ(Run(fetch).exit_code, 0);
  EXPECT_THAT(base::ReadFile(folder_ / "r.html", 100), IsOkAndHolds("<p>the report"));
}

TEST_F(CommandTest, WhatTheServerHasIsNotSentAgain) {
  server_.AddBlob("a model");
  const Outcome outcome = Run({"submit", "model.onnx", "--config", "c.prototxt"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "job-1\n");
  EXPECT_THAT(outcome.err, HasSubstr("model.onnx is on the server already"));
  EXPECT_THAT(server_.state().uploads, SizeIs(1));
  // And it is remembered.
  AddJob(v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(Run({"jobs", "show", "@last"}).out, StartsWith("id\tjob-1\n"));
}

TEST_F(CommandTest, AJobThatDoesNotSucceedDecidesTheExitCodeInEveryFormat) {
  const std::vector<std::string> build = {"build", "model.onnx", "--config", "c.prototxt"};
  const std::vector<std::string> json = {"build", "model.onnx", "--config", "c.prototxt", "--json"};
  AddJob(v1::JOB_STATE_FAILED);
  const Outcome failed = Run(build);
  EXPECT_EQ(failed.exit_code, 1);
  EXPECT_THAT(failed.out, IsEmpty());
  EXPECT_THAT(failed.err,
              AllOf(HasSubstr("a line of log\n"), HasSubstr("error: the graph has a cycle (INVALID_MODEL)\n"),
                    HasSubstr("ref: job job-1\n")));
  const Outcome failed_json = Run(json);
  EXPECT_EQ(failed_json.exit_code, 1);
  EXPECT_THAT(failed_json.err, HasSubstr("{\"error\":{\"code\":\"INVALID_MODEL\",\"class\":\"user\""));
  AddJob(v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(Run(build).exit_code, 7);
  EXPECT_EQ(Run(json).exit_code, 7);
}

TEST_F(CommandTest, ErrorsHaveTheSameExitCodeInEveryFormat) {
  AddJob(v1::JOB_STATE_SUCCEEDED);
  const struct {
    std::vector<std::string> arguments;
    grpc::Status fail_all;
    int exit_code;
    std::string error_class;
  } cases[] = {{{"jobs", "lsit"}, grpc::Status::OK, 2, "user"},
               {{"jobs", "show", "none"}, grpc::Status::OK, 3, "user"},
               {{"jobs", "show", "x"}, {grpc::StatusCode::PERMISSION_DENIED, "no"}, 4, "user"},
               {{"info", "--server", "127.0.0.1:1"}, grpc::Status::OK, 5, "transient"},
               {{"jobs", "show", "x"}, {grpc::StatusCode::INTERNAL, "no"}, 6, "service"},
               {{"fetch", "job-1", "-o", "no/such/folder"}, grpc::Status::OK, 10, "user"}};
  for (const auto& c : cases) {
    server_.state().fail_all = c.fail_all;
    const Outcome human = Run(c.arguments);
    EXPECT_EQ(human.exit_code, c.exit_code) << human.err;
    EXPECT_THAT(human.err, StartsWith("error: "));
    EXPECT_THAT(human.out, IsEmpty());
    std::vector<std::string> arguments = c.arguments;
    arguments.emplace_back("--json");
    const Outcome json = Run(arguments);
    EXPECT_EQ(json.exit_code, c.exit_code) << json.err;
    EXPECT_THAT(json.err, AllOf(StartsWith("{\"error\":{\"code\":"), HasSubstr("\"class\":\"" + c.error_class + "\"")));
  }
}

TEST_F(CommandTest, AMistakeInTheConfigurationNamesItsPlace) {
  Write("bad.prototxt", "\n  no_such_field: 1\n");
  const Outcome outcome = Run({"build", "model.onnx", "--config", "bad.prototxt"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("bad.prototxt:2:"), HasSubstr("no_such_field")));
}

TEST_F(CommandTest, AWaitThatTimesOutPrintsTheIdAndSaysHowToGoOn) {
  AddJob(v1::JOB_STATE_RUNNING);
  const Outcome outcome = Run({"build", "model.onnx", "--config", "c.prototxt", "--timeout", "300ms"});
  EXPECT_EQ(outcome.exit_code, 8) << outcome.err;
  EXPECT_EQ(outcome.out, "job-1\n");
  EXPECT_THAT(outcome.err, HasSubstr("joinery jobs watch job-1"));
}

TEST_F(CommandTest, CtrlCStopsTheWaitingAndSaysHowToRejoin) {
  AddJob(v1::JOB_STATE_RUNNING);
  const Outcome outcome = Run({"build", "model.onnx", "--config", "c.prototxt"}, false, "calibrate");
  EXPECT_EQ(outcome.exit_code, 130) << outcome.err;
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("job job-1 goes on"), HasSubstr("joinery jobs watch job-1")));
}

TEST_F(CommandTest, ListsAreTabsInAPipeAndColumnsOnATerminal) {
  AddJob(v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Run({"jobs", "list"}).out, "job-1\tSUCCEEDED\tmodel.onnx\t\t\n");
  EXPECT_EQ(Run({"jobs", "list", "-q"}).out, "job-1\n");
  EXPECT_THAT(Run({"jobs", "list", "--json"}).out, StartsWith("{\"schema\":\"v1\",\"items\":[{\"id\":\"job-1\","));
  EXPECT_THAT(Run({"jobs", "list"}, true).out, AllOf(HasSubstr("MODEL"), HasSubstr("\x1b[32mSUCCEEDED\x1b[0m")));
  const Outcome plain = Run({"jobs", "list"}, true, "", {"NO_COLOR=1"});
  EXPECT_THAT(plain.out, AllOf(StartsWith("ID     STATE"), Not(HasSubstr("\x1b"))));
}

TEST_F(CommandTest, TheBeginningOfAnIdIsEnough) {
  AddJob(v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(Run({"jobs", "show", "jo"}).out, StartsWith("id\tjob-1\n"));
  v1::Job other;
  other.set_id("job-2");
  server_.AddJob(other);
  const Outcome outcome = Run({"jobs", "show", "jo"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("job-1, job-2"));
}

TEST_F(CommandTest, WatchInJsonIsOneEventALine) {
  AddJob(v1::JOB_STATE_SUCCEEDED);
  const Outcome outcome = Run({"jobs", "watch", "job-1", "--json"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 4);
  EXPECT_THAT(outcome.out,
              AllOf(StartsWith("{\"schema\":\"v1\",\"sequence\":\"1\""), HasSubstr("JOB_STATE_SUCCEEDED")));
}

TEST_F(CommandTest, LogsOfARunningJobEndWithoutFollow) {
  AddJob(v1::JOB_STATE_RUNNING);
  const Outcome outcome = Run({"jobs", "logs", "job-1"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "a line of log\n");
}

TEST_F(CommandTest, EveryCommandHasHelpWithExamplesAtOnce) {
  for (const char* command : {"build", "submit", "jobs", "fetch", "workers", "info", "completion", "version"}) {
    const Outcome outcome = Run({command, "--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("Examples:\n  ")) << command;
    EXPECT_LT(outcome.cpu_seconds, 0.1);
  }
  EXPECT_THAT(Run({"--help"}).out, HasSubstr("Exit codes: 0 success"));
  EXPECT_THAT(Run({"buidl"}).err, HasSubstr("fix: did you mean build?"));
}

}  // namespace
}  // namespace joinery::client
