#include "worker/child_process.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/worker/child_process_fixture.h"
#include "worker/classify.h"
#include "worker/compiler_version.h"
#include "worker/work_folder.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::kStub;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::Not;

class ChildProcessTest : public ::joinery::testing::ChildProcessTest {
 protected:
  v1::Failure RunToFailure(const std::string& deed) { return ClassifyEnd(Run(deed), limits_).value_or(v1::Failure()); }
};

// A killed process is gone for good once somebody has reaped it, which for an orphan is not us.
bool IsGone(pid_t pid) {
  for (int i = 0; i < 500; ++i) {
    const absl::StatusOr<std::string> stat = base::ReadFile(absl::StrCat("/proc/", pid, "/stat"), 4096);
    if (!stat.ok() || absl::StrContains(*stat, ") Z ")) return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

TEST_F(ChildProcessTest, EventsAndFilesArriveFromAChildThatEndsWell) {
  const ChildEnd end = Run("succeed");
  EXPECT_EQ(end.wait_status, 0);
  EXPECT_FALSE(end.stopped);
  EXPECT_FALSE(ClassifyEnd(end, limits_).has_value());
  EXPECT_THAT(events_, HasSubstr("\"calibrate\""));
  EXPECT_THAT(base::ReadFile(folder_ / "out.joint", 100), IsOkAndHolds("modeltar"));
}

TEST_F(ChildProcessTest, TheChildHasNothingButWhatItIsGiven) {
  limits_.memory_bytes = int64_t{1} << 30;
  limits_.disk_bytes = int64_t{1} << 20;
  setenv("JOINERY_SECRET", "do not tell", 1);
  const base::UniqueFd leaked(dup(STDERR_FILENO));  // Not close-on-exec, as a careless library may leave one.
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  EXPECT_EQ(Run("describe").wait_status, 0);
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  const std::string report = Report();
  EXPECT_THAT(report, Not(HasSubstr("JOINERY_SECRET")));
  for (const std::string& line :
       {std::string("PATH=/usr/local/bin:/usr/bin:/bin"), absl::StrCat("HOME=", folder_.path()),
        absl::StrCat("TMPDIR=", folder_.path()), std::string("LANG=C.UTF-8"), absl::StrCat("folder=", folder_.path()),
        std::string("session_leader=1 group_leader=1"), std::string("rlimit_as=1073741824"),
        std::string("rlimit_core=0"), std::string("rlimit_fsize=1048576"), std::string("descriptors=4"),
        std::string("stdin_is_empty=1"), std::string("sigterm_blocked=0")}) {
    EXPECT_THAT(report, HasSubstr(line + "\n"));
  }
}

TEST_F(ChildProcessTest, AProgramThatCannotBeRunIsAnErrorThatNamesIt) {
  ChildCommand command = Command("succeed");
  command.arguments[0] = "/nonexistent/joineryc";
  EXPECT_THAT(RunChild(command, stop_, [](absl::string_view) {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/joineryc")));
  command = Command("succeed");
  command.folder = "/nonexistent/folder";
  EXPECT_THAT(RunChild(command, stop_, [](absl::string_view) {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("enter its folder")));
}

TEST_F(ChildProcessTest, MemoryRunningOutIsTold) {
  limits_.memory_bytes = int64_t{256} << 20;
  const v1::Failure failure = RunToFailure("allocate");
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_OUT_OF_MEMORY);
  EXPECT_THAT(failure.message(), HasSubstr("256 MiB"));
}

TEST_F(ChildProcessTest, OtherSignsOfMemoryRunningOutAreTold) {
  EXPECT_EQ(RunToFailure("throw_bad_alloc").reason(), v1::FAILURE_REASON_OUT_OF_MEMORY);
}

// A child that was killed by SIGKILL while the kernel killed so many processes for want of memory.
v1::Failure ClassifyKilled(std::optional<int64_t> killed_for_memory, int wait_status = SIGKILL) {
  ChildEnd end;
  end.wait_status = wait_status;
  end.killed_for_memory = killed_for_memory;
  return ClassifyEnd(end, {}).value_or(v1::Failure());
}

TEST(ClassifyTest, F06_TheKernelsAnswerToMemoryRunningOutIsToldFromAnothersSignal) {
  EXPECT_EQ(ClassifyKilled(1).reason(), v1::FAILURE_REASON_OUT_OF_MEMORY);
  EXPECT_EQ(ClassifyKilled(std::nullopt).reason(), v1::FAILURE_REASON_OUT_OF_MEMORY);
  EXPECT_EQ(ClassifyKilled(0).reason(), v1::FAILURE_REASON_INTERNAL);
  EXPECT_EQ(ClassifyKilled(0).fault_of(), v1::FAULT_OF_INFRASTRUCTURE);
  constexpr int kExitCode137 = 137 << 8;
  EXPECT_EQ(ClassifyKilled(1, kExitCode137).reason(), v1::FAILURE_REASON_OUT_OF_MEMORY);
  EXPECT_EQ(ClassifyKilled(0, kExitCode137).fault_of(), v1::FAULT_OF_INFRASTRUCTURE);
}

TEST_F(ChildProcessTest, ASignalThatSomebodyElseSentIsNoFaultOfTheJob) {
  const v1::Failure failure = RunToFailure(absl::StrCat("raise ", SIGKILL));
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INTERNAL);
  EXPECT_EQ(failure.fault_of(), v1::FAULT_OF_INFRASTRUCTURE);
}

TEST_F(ChildProcessTest, WallTimeRunningOutIsTold) {
  limits_.wall_time = absl::Milliseconds(100);
  const v1::Failure failure = RunToFailure("hang_deaf");
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_TIMED_OUT);
  EXPECT_THAT(failure.message(), HasSubstr("100ms"));
  EXPECT_TRUE(IsGone(ToldPid()));
}

TEST_F(ChildProcessTest, ProcessorTimeRunningOutIsTold) {
  limits_.cpu_time = absl::Seconds(1);
  const v1::Failure failure = RunToFailure("spin");
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_TIMED_OUT);
  EXPECT_THAT(failure.message(), HasSubstr("processor time"));
}

TEST_F(ChildProcessTest, AFileTooLargeIsTold) {
  limits_.disk_bytes = int64_t{4} << 20;
  const v1::Failure failure = RunToFailure("write_much");
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INTERNAL);
  EXPECT_THAT(failure.message(), HasSubstr("4 MiB"));
}

TEST_F(ChildProcessTest, OtherSignalsAreNamed) {
  const ChildEnd end = Run(absl::StrCat("raise ", SIGSEGV));
  const std::optional<v1::Failure> failure = ClassifyEnd(end, limits_);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->reason(), v1::FAILURE_REASON_INTERNAL);
  EXPECT_THAT(failure->message(), HasSubstr("SIGSEGV"));
  EXPECT_THAT(end.last_output, HasSubstr("last words"));
}

TEST_F(ChildProcessTest, ExitCodesAreTold) {
  const v1::Failure failure = RunToFailure("exit 3");
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INTERNAL);
  EXPECT_THAT(failure.message(), HasSubstr("exit code 3"));
}

TEST_F(ChildProcessTest, OfEndlessOutputTheLast64KiBAreKept) {
  limits_.wall_time = absl::Milliseconds(200);
  EXPECT_EQ(Run("print_without_end").last_output.size(), size_t{64} * 1024);
}

TEST_F(ChildProcessTest, WhoItLeavesBehindIsKilledToo) {
  EXPECT_EQ(Run("fork_grandchild").wait_status, 0);
  ASSERT_NE(ToldPid(), 0);
  EXPECT_TRUE(IsGone(ToldPid()));
}

TEST_F(ChildProcessTest, ACancelledChildIsAskedFirst) {
  on_events_ = [&] { stop_.Request(StopReason::kCancelled); };
  const ChildEnd end = Run("hang");
  EXPECT_TRUE(end.stopped);
  EXPECT_TRUE(WIFSIGNALED(end.wait_status));
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGTERM);
}

TEST_F(ChildProcessTest, ACancelledChildThatDoesNotListenIsKilled) {
  on_events_ = [&] { stop_.Request(StopReason::kCancelled); };
  const absl::Time start = absl::Now();
  const ChildEnd end = Run("hang_deaf");
  EXPECT_GE(absl::Now() - start, absl::Seconds(1.9));
  EXPECT_TRUE(end.stopped);
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGKILL);
}

TEST_F(ChildProcessTest, AChildWhoseLeaseIsLostIsKilledAtOnce) {
  on_events_ = [&] { stop_.Request(StopReason::kLeaseLost); };
  const absl::Time start = absl::Now();
  const ChildEnd end = Run("hang_deaf");
  EXPECT_LT(absl::Now() - start, absl::Seconds(1.5));
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGKILL);
}

TEST_F(ChildProcessTest, AStopRequestedBeforehandIsHeeded) {
  stop_.Request(StopReason::kReleased);
  EXPECT_TRUE(Run("hang_deaf").stopped);
}

TEST_F(ChildProcessTest, TheVersionOfTheCompilerIsRead) {
  ASSERT_OK_AND_ASSIGN(WorkFolder work_folder, WorkFolder::Open(folder_ / "work"));
  EXPECT_THAT(ReadCompilerVersion(kStub, Sandbox(), work_folder), IsOkAndHolds("1.2.3"));
  EXPECT_THAT(ReadCompilerVersion("/bin/false", Sandbox(), work_folder),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/bin/false")));
  EXPECT_THAT(ReadCompilerVersion("/nonexistent", Sandbox(), work_folder),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("--compiler")));
}

}  // namespace
}  // namespace joinery::worker
