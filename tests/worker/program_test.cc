// The program joinery-worker itself: signals, exit codes, and what is left when it is killed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/file.h"
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

  pid_t Start(const std::vector<std::string>& options = {}, const std::string& compiler = JOINERY_STUB_COMPILER) {
    std::vector<std::string> words = {JOINERY_WORKER, "--server",        server_.address(), "--compiler",    compiler,
                                      "--cache-dir",  folder_ / "cache", "--work-dir",      folder_ / "work"};
    words.insert(words.end(), options.begin(), options.end());
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

  // Whether the lock of "hang_locked" is there and free, which it is once all the compiler's processes are gone.
  bool LockBecomesFree() {
    for (int i = 0; i < 1000; ++i, absl::SleepFor(absl::Milliseconds(10))) {
      const absl::StatusOr<base::UniqueFd> fd = base::OpenFile(FindLock(), O_RDONLY);
      if (fd.ok() && flock(fd->get(), LOCK_EX | LOCK_NB) == 0) return true;
    }
    return false;
  }

  std::string FindLock() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "work")) {
      if (entry.path().filename() == "held") return entry.path();
    }
    return "";
  }

  bool WorkFolderIsEmpty() const { return std::filesystem::is_empty(folder_ / "work"); }

  TemporaryFolder folder_;
  FakeServer server_;
  std::vector<pid_t> running_;
};

TEST_F(ProgramTest, F07_SigtermLetsTheJobEndAndTakesNoOther) {
  ASSERT_EQ(chmod(folder_.path().c_str(), 0755), 0);
  const pid_t worker = Start({"--readable", folder_.path()});
  const std::string token = server_.AddJob("wait_for_go " + folder_.path());
  ASSERT_TRUE(server_.WaitForLine("waiting").has_value());
  const std::string next = server_.AddJob("succeed");
  kill(worker, SIGTERM);
  ASSERT_TRUE(base::WriteFileAtomically(folder_ / "go", "").ok());
  EXPECT_EQ(WaitFor(worker), 0);
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_result());
  EXPECT_TRUE(WorkFolderIsEmpty());
  Start();
  EXPECT_TRUE(server_.WaitForFinish(next).has_value());
}

TEST_F(ProgramTest, F07_TheEndOfTheGraceHandsTheJobBackAndExitsWithZero) {
  const pid_t worker = Start({"--grace", "300ms"});
  const std::string token = server_.AddJob("hang_locked");
  ASSERT_TRUE(server_.WaitForLine("locked").has_value());
  kill(worker, SIGTERM);
  EXPECT_EQ(WaitFor(worker), 0);
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_released());
  EXPECT_TRUE(WorkFolderIsEmpty());
}

TEST_F(ProgramTest, F07_ASecondSigtermHandsTheJobBackAtOnce) {
  const pid_t worker = Start({"--grace", "1h"});
  const std::string token = server_.AddJob("hang_locked");
  ASSERT_TRUE(server_.WaitForLine("locked").has_value());
  kill(worker, SIGTERM);
  absl::SleepFor(absl::Milliseconds(100));  // Two that come together are one.
  const absl::Time begin = absl::Now();
  kill(worker, SIGTERM);
  EXPECT_EQ(WaitFor(worker), 0);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(3));
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_released());
}

class KilledWorkerTest : public ProgramTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(KilledWorkerTest, F02_TakesItsCompilerAlongAndTheNextOneCleansUp) {
  const pid_t worker = Start({"--sandbox", GetParam()});
  server_.AddJob("hang_locked");
  ASSERT_TRUE(server_.WaitForLine("locked").has_value());
  kill(worker, SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(WaitFor(worker)));
  EXPECT_TRUE(LockBecomesFree());
  EXPECT_FALSE(WorkFolderIsEmpty());

  const pid_t next = Start();
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(server_.AddJob("succeed"));
  EXPECT_TRUE(finish.has_value() && finish->has_result());
  kill(next, SIGINT);
  EXPECT_EQ(WaitFor(next), 0);
  EXPECT_TRUE(WorkFolderIsEmpty());
}
INSTANTIATE_TEST_SUITE_P(, KilledWorkerTest, ::testing::Values("auto", "basic"));

TEST_F(ProgramTest, F03_AWorkerThatWasFrozenBeyondItsLeaseDropsTheJobAndGoesOn) {
  const pid_t worker = Start();
  const std::string lost = server_.AddJob("hang_locked", absl::Seconds(1));
  ASSERT_TRUE(server_.WaitForLine("locked").has_value());
  kill(worker, SIGSTOP);
  server_.TakeLeaseAway(lost);
  const std::string next = server_.AddJob("succeed");
  kill(worker, SIGCONT);
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(next);
  EXPECT_TRUE(finish.has_value() && finish->has_result());
}

TEST_F(ProgramTest, CheckSaysWhatTheCompilerIsAndAsksForNoJob) {
  const pid_t check = Start({"check"});
  EXPECT_EQ(WaitFor(check), 0);
  EXPECT_EQ(server_.compiler_version(), "");
}

TEST_F(ProgramTest, F10_AWorkerWhoseCompilerBreaksHandsTheJobBackAndEnds) {
  const std::string compiler = folder_ / "joineryc";
  ASSERT_TRUE(base::WriteFileAtomically(compiler, "#!/bin/sh\necho joineryc 1.2.3\n").ok());
  ASSERT_EQ(chmod(compiler.c_str(), 0755), 0);
  const pid_t worker = Start({}, compiler);
  ASSERT_TRUE(server_.WaitForLeaseCalls(1));
  ASSERT_TRUE(base::WriteFileAtomically(compiler, "#!/bin/sh\nexit 1\n").ok());
  ASSERT_EQ(chmod(compiler.c_str(), 0755), 0);
  const std::string token = server_.AddJob("succeed");
  const std::optional<v1::FinishJobRequest> finish = server_.WaitForFinish(token);
  EXPECT_TRUE(finish.has_value() && finish->has_released());
  EXPECT_EQ(WEXITSTATUS(WaitFor(worker)), 10);
}

TEST_F(ProgramTest, F10_ACompilerThatCannotBeRunEndsItAtOnce) {
  const int status = WaitFor(Start({}, "/nonexistent/joineryc"));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 10);
  EXPECT_EQ(server_.compiler_version(), "");  // It asked for no job.
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
