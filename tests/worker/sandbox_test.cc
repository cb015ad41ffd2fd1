#include "worker/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "tests/testing/fake_gpu_driver.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/worker/child_process_fixture.h"
#include "worker/classify.h"
#include "worker/gpu_pool.h"
#include "worker/work_folder.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::kStub;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<ProvenSandbox> Prove(SandboxMode mode, const std::string& program = kStub) {
  const TemporaryFolder folder;
  absl::StatusOr<WorkFolder> work_folder = WorkFolder::Open(folder / "work");
  if (!work_folder.ok()) return work_folder.status();
  return ProveSandbox(mode, program, {}, *work_folder);
}

bool HasNamespaces() {
  static const bool has = Prove(SandboxMode::kFull).ok();
  return has;
}

class SandboxTest : public ::joinery::testing::ChildProcessTest, public ::testing::WithParamInterface<SandboxMode> {
 protected:
  void SetUp() override {
    if (GetParam() == SandboxMode::kFull && !HasNamespaces()) GTEST_SKIP() << "the kernel grants no user namespaces";
    ASSERT_OK_AND_ASSIGN(ProvenSandbox proven, Prove(GetParam()));
    sandbox_ = std::move(proven.sandbox);
  }

  bool full() const { return GetParam() == SandboxMode::kFull; }

  // What became of what the stub tried, line by line.
  std::string Trespass(const TemporaryFolder& outside) {
    EXPECT_THAT(base::WriteFileAtomically(outside / "secret", "token"), IsOk());
    const ChildEnd end = Run(absl::StrCat("trespass ", outside / "secret", " ", outside.path(), " ", getpid()));
    EXPECT_EQ(end.wait_status, 0) << end.last_output;
    return Report();
  }

  // Whether no process holds the stub's lock any more.
  bool LockIsFree() {
    const absl::StatusOr<base::UniqueFd> fd = base::OpenFile(folder_ / "held", O_RDONLY);
    return fd.ok() && flock(fd->get(), LOCK_EX | LOCK_NB) == 0;
  }

  v1::Failure RunToFailure(const std::string& deed) { return ClassifyEnd(Run(deed), limits_).value_or(v1::Failure()); }
};

INSTANTIATE_TEST_SUITE_P(, SandboxTest, ::testing::Values(SandboxMode::kFull, SandboxMode::kBasic),
                         [](const auto& test) { return test.param == SandboxMode::kFull ? "Full" : "Basic"; });

TEST_P(SandboxTest, WorkIsDoneInIt) {
  EXPECT_EQ(Run("succeed").wait_status, 0);
  EXPECT_THAT(base::ReadFile(folder_ / "out.joint", 100), testing::IsOkAndHolds("modeltar"));
}

TEST_P(SandboxTest, B20_CannotReachTheNetwork) {
  const std::string report = Trespass(TemporaryFolder());
  EXPECT_THAT(report, HasSubstr("\nsocket=EPERM\n"));
  EXPECT_THAT(report, HasSubstr("\nunix_socket=EPERM\n"));
}

TEST_P(SandboxTest, B20_CannotReadOrWriteOutsideItsFolder) {
  const TemporaryFolder outside;
  const std::string report = Trespass(outside);
  const std::string refusal = full() ? "ENOENT" : "EACCES";
  EXPECT_THAT(report, HasSubstr(absl::StrCat("read_secret=", refusal, "\n")));
  EXPECT_THAT(report, HasSubstr(absl::StrCat("list_folder=", refusal, "\n")));
  EXPECT_THAT(report, HasSubstr(absl::StrCat("write_outside=", refusal, "\n")));
  EXPECT_THAT(report, HasSubstr(absl::StrCat("read_passwords=", refusal, "\n")));
  EXPECT_THAT(report, Not(HasSubstr("write_library=done\n")));
  EXPECT_THAT(report, HasSubstr("write_own=done\n"));
  EXPECT_NE(access((outside / "new").c_str(), F_OK), 0);
}

TEST_P(SandboxTest, B20_CannotRunWhatItWrote) {
  EXPECT_THAT(Trespass(TemporaryFolder()), HasSubstr("run_own=EACCES\n"));
}

TEST_P(SandboxTest, B20_CannotSeeOrSignalTheHostsProcesses) {
  const std::string report = Trespass(TemporaryFolder());
  EXPECT_THAT(report, HasSubstr(full() ? "signal_stranger=ESRCH\n" : "signal_stranger=EPERM\n"));
  // Its supervisor and itself; without namespaces it cannot even look.
  EXPECT_THAT(report, HasSubstr(full() ? "\nprocesses=2\n" : "\nprocesses=0\n"));
}

TEST_P(SandboxTest, B20_LearnsNothingOfTheWorkerFromItsParent) {
  const std::string report = Trespass(TemporaryFolder());
  EXPECT_THAT(report, HasSubstr("memory_of_parent=EACCES\n"));
  EXPECT_THAT(report, HasSubstr("environment_of_parent=EACCES\n"));
  EXPECT_THAT(report, HasSubstr("command_line_of_parent=\n"));
}

TEST_P(SandboxTest, B20_GainsNoPrivileges) {
  const std::string report = Trespass(TemporaryFolder());
  EXPECT_THAT(report, HasSubstr("\nnamespace=EPERM\n"));
  EXPECT_THAT(report, HasSubstr("\nmount=EPERM\n"));
  EXPECT_THAT(report, HasSubstr("\nno_new_privileges=1\n"));
  // Root without namespaces is what it would become.
  if (full() || geteuid() != 0) {
    EXPECT_THAT(report, Not(HasSubstr("\nbecome_root=done\n")));
  }
}

TEST_P(SandboxTest, B20_LeavesNoProcessBehind) {
  EXPECT_EQ(Run("leave_daemons").wait_status, 0);
  EXPECT_TRUE(LockIsFree());
}

TEST_P(SandboxTest, NothingIsLeftOfWhatWasStopped) {
  on_events_ = [&] { stop_.Request(StopReason::kLeaseLost); };
  EXPECT_TRUE(Run("leave_daemons").stopped);
  EXPECT_TRUE(LockIsFree());
}

TEST_P(SandboxTest, B20_CannotExceedItsProcesses) {
  if (!full() && geteuid() == 0) GTEST_SKIP() << "root is not limited without namespaces";
  limits_.processes = 50;
  EXPECT_EQ(Run("fork_many").wait_status, 0);
  EXPECT_THAT(events_, HasSubstr("error=EAGAIN"));
  if (full()) {
    EXPECT_THAT(events_, HasSubstr("forks=49"));
  }
}

TEST_P(SandboxTest, F06_AForkBombIsEnded) {
  if (!full() && geteuid() == 0) GTEST_SKIP() << "root is not limited without namespaces";
  limits_.processes = 100;
  limits_.wall_time = absl::Milliseconds(500);
  const absl::Time begin = absl::Now();
  EXPECT_EQ(RunToFailure("fork_bomb").reason(), v1::FAILURE_REASON_TIMED_OUT);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
  EXPECT_THAT(events_, HasSubstr("no more processes"));
  EXPECT_TRUE(LockIsFree());
}

TEST_P(SandboxTest, F06_WritingWithoutEndIsEnded) {
  limits_.disk_bytes = int64_t{8} << 20;
  for (const char* deed : {"write_much", "write_many_files"}) {
    const v1::Failure failure = RunToFailure(deed);
    EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_INTERNAL) << deed;
    EXPECT_THAT(failure.message(), HasSubstr("8 MiB")) << deed;
  }
}

TEST_P(SandboxTest, F06_MemoryRunningOutIsTold) {
  limits_.memory_bytes = int64_t{256} << 20;
  EXPECT_EQ(RunToFailure("allocate").reason(), v1::FAILURE_REASON_OUT_OF_MEMORY);
}

TEST_P(SandboxTest, F06_TheMemoryOfAllProcessesTogetherIsLimited) {
  limits_.memory_bytes = int64_t{256} << 20;
  const v1::Failure failure = RunToFailure("allocate_together 4 100");
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_OUT_OF_MEMORY);
  EXPECT_THAT(failure.message(), HasSubstr("256 MiB"));
  // As much as it may.
  EXPECT_EQ(RunToFailure("allocate_together 2 100").reason(), v1::FAILURE_REASON_UNSPECIFIED);
}

TEST_P(SandboxTest, MemoryThatProcessesShareCountsOnce) {
  limits_.memory_bytes = int64_t{256} << 20;
  EXPECT_EQ(RunToFailure("share_memory 4 100").reason(), v1::FAILURE_REASON_UNSPECIFIED);
}

TEST_P(SandboxTest, F06_AnInfiniteLoopIsTold) {
  limits_.cpu_time = absl::Seconds(1);
  const v1::Failure failure = RunToFailure("spin");
  EXPECT_EQ(failure.reason(), v1::FAILURE_REASON_TIMED_OUT);
  EXPECT_THAT(failure.message(), HasSubstr("processor time"));
}

TEST_P(SandboxTest, F06_CrashesAreTold) {
  EXPECT_THAT(RunToFailure("read_null").message(), HasSubstr("SIGSEGV"));
  EXPECT_THAT(RunToFailure("abort").message(), HasSubstr("SIGABRT"));
}

TEST_P(SandboxTest, ACancelledChildIsAskedFirst) {
  on_events_ = [&] { stop_.Request(StopReason::kCancelled); };
  const ChildEnd end = Run("hang");
  EXPECT_TRUE(end.stopped);
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGTERM);
}

TEST_P(SandboxTest, OtherFilesAreReadableWhereTheyAreNamed) {
  const TemporaryFolder outside;
  // As nobody, too.
  ASSERT_EQ(chmod(outside.path().c_str(), 0755), 0);
  sandbox_.readable.push_back(outside.path());
  const std::string report = Trespass(outside);
  EXPECT_THAT(report, HasSubstr("read_secret=done\n"));
  EXPECT_THAT(report, Not(HasSubstr("write_outside=done\n")));
}

// The files of a driver are stood in for by plain ones.
TEST_P(SandboxTest, AGpuIsThereWhenAndOnlyWhenItIsGiven) {
  const TemporaryFolder devices;
  ASSERT_EQ(chmod(devices.path().c_str(), 0755), 0);
  for (const char* name : {"nvidiactl", "nvidia-uvm", "nvidia0", "nvidia1"}) {
    ASSERT_THAT(base::WriteFileAtomically(devices / name, ""), IsOk());
    ASSERT_EQ(chmod((devices / name).c_str(), 0666), 0);
  }
  testing::FakeGpuDriver driver(std::vector<gpu::Gpu>{testing::MakeGpu(0, 8), testing::MakeGpu(1, 8)});
  const GpuPool pool(driver, {.lock_folder = folder_.path(), .device_folder = devices.path()});
  limits_.memory_bytes = int64_t{1} << 30;
  const std::string deed = absl::StrCat("use_devices ", devices / "nvidiactl", " ", devices / "nvidia-uvm", " ",
                                        devices / "nvidia0", " ", devices / "nvidia1");
  const std::string refusal = full() ? "ENOENT" : "EACCES";

  EXPECT_EQ(Run(deed).wait_status, 0);
  const std::string without = absl::StrCat("use=", refusal, "\n");
  EXPECT_THAT(Report(), HasSubstr(absl::StrCat(without, without, without, without, "addresses=1073741824 ")));
  EXPECT_THAT(Report(), Not(HasSubstr("CUDA_VISIBLE_DEVICES")));

  ChildCommand command = Command(deed);
  pool.Give(testing::MakeGpu(1, 8), command);
  const absl::StatusOr<ChildEnd> end = RunChild(command, stop_, [](absl::string_view) {});
  ASSERT_THAT(end, IsOk());
  EXPECT_EQ(end->wait_status, 0) << end->last_output;
  EXPECT_THAT(Report(), HasSubstr(absl::StrCat("use=done\nuse=done\n", without, "use=done\n")));
  EXPECT_THAT(Report(), HasSubstr(" data=1073741824\n"));
  EXPECT_THAT(Report(), Not(HasSubstr("addresses=1073741824 ")));
  EXPECT_THAT(Report(), HasSubstr("CUDA_VISIBLE_DEVICES=GPU-bbbb\n"));
}

TEST(ProveSandboxTest, EveryMeasureIsReported) {
  ASSERT_OK_AND_ASSIGN(const ProvenSandbox proven, Prove(SandboxMode::kAuto));
  EXPECT_EQ(proven.compiler_version, "1.2.3");
  const std::string report = absl::StrJoin(proven.report, "\n");
  for (const char* measure : {"limits: ", "no new privileges: ", "own processes: ", "own files: ", "own network: ",
                              "own user: ", "system call filter: "}) {
    EXPECT_THAT(report, HasSubstr(measure));
  }
  EXPECT_EQ(proven.sandbox.namespaces, HasNamespaces());
}

TEST(ProveSandboxTest, ACompilerThatDoesNotRunIsNotTheSandboxsFault) {
  EXPECT_THAT(Prove(SandboxMode::kFull, "/bin/false"),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("/bin/false cannot be used")));
}

}  // namespace
}  // namespace joinery::worker
