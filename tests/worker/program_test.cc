// The program joinery-worker itself: signals, exit codes, and what is left when it is killed.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "tests/testing/temporary_folder.h"
#include "tests/worker/fake_server.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::FakeServer;
using ::joinery::testing::TemporaryFolder;

class ProgramTest : public ::testing::Test {
 protected:
  ~ProgramTest() override {
    for (const pid_t pid : running_) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
  }

  pid_t Start(const std::string& compiler = JOINERY_STUB_COMPILER) {
    std::vector<std::string> words = {JOINERY_WORKER, "--server",        server_.address(), "--compiler",    compiler,
                                      "--cache-dir",  folder_ / "cache", "--work-dir",      folder_ / "work"};
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t pid = fork();
    if (pid == 0) {
      execv(argv[0], argv.data());
      _exit(127);
    }
    running_.push_back(pid);
    return pid;
  }

  int WaitFor(pid_t pid) {
    int status = 0;
    waitpid(pid, &status, 0);
    running_.erase(std::find(running_.begin(), running_.end(), pid));
    return status;
  }

  // Of the compiler, once it runs; 0 if it does not.
  pid_t CompilerPid() {
    pid_t pid = 0;
    const std::string line = server_.WaitForLine("pid=").value_or("");
    return absl::SimpleAtoi(absl::StripPrefix(line, "pid="), &pid) ? pid : 0;
  }

  bool WorkFolderIsEmpty() const { return std::filesystem::is_empty(folder_ / "work"); }

  TemporaryFolder folder_;
  FakeServer server_;
  std::vector<pid_t> running_;
};

bool EndsSoon(pid_t pid) {
  for (int i = 0; i < 1000 && kill(pid, 0) == 0; ++i) absl::SleepFor(absl::Milliseconds(10));
  return kill(pid, 0) != 0;
}

TEST_F(ProgramTest, SigtermHandsTheJobBackAndExitsWithZero) {
  const pid_t worker = Start();
  const std::string token = server_.AddJob("hang_deaf");
  ASSERT_NE(CompilerPid(), 0);
  kill(worker, SIGTERM);
  EXPECT_EQ(WaitFor(worker), 0);
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_released());
  EXPECT_TRUE(WorkFolderIsEmpty());
}

TEST_F(ProgramTest, AKilledWorkerTakesItsCompilerAlongAndTheNextOneCleansUp) {
  const pid_t worker = Start();
  server_.AddJob("hang_deaf");
  const pid_t compiler = CompilerPid();
  ASSERT_NE(compiler, 0);
  kill(worker, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(WaitFor(worker)));
  EXPECT_TRUE(EndsSoon(compiler));
  EXPECT_FALSE(WorkFolderIsEmpty());

  const pid_t next = Start();
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(server_.AddJob("succeed"));
  EXPECT_TRUE(finish.has_value() && finish->has_result());
  kill(next, SIGINT);
  EXPECT_EQ(WaitFor(next), 0);
  EXPECT_TRUE(WorkFolderIsEmpty());
}

TEST_F(ProgramTest, ACompilerThatCannotBeRunEndsItAtOnce) {
  const int status = WaitFor(Start("/nonexistent/joineryc"));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 10);
}

TEST_F(ProgramTest, SeveralWorkersShareFolders) {
  const pid_t first = Start();
  const pid_t second = Start();
  std::vector<std::string> tokens;
  for (int i = 0; i < 6; ++i) tokens.push_back(server_.AddJob("succeed"));
  for (const std::string& token : tokens) {
    const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
    EXPECT_TRUE(finish.has_value() && finish->has_result());
  }
  kill(first, SIGTERM);
  kill(second, SIGTERM);
  EXPECT_EQ(WaitFor(first), 0);
  EXPECT_EQ(WaitFor(second), 0);
  EXPECT_TRUE(WorkFolderIsEmpty());
}

}  // namespace
}  // namespace joinery::worker
