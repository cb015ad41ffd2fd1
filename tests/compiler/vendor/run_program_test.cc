#include "compiler/vendor/run_program.h"

#include <sys/wait.h>

#include <csignal>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::SizeIs;

class RunProgramTest : public ::testing::Test {
 protected:
  absl::StatusOr<ProgramEnd> Run(const std::string& script, const ProgramLimits& limits = {}) {
    return RunProgram({"/bin/sh", "-c", script}, folder_.path(), limits,
                      [this](absl::string_view line) { lines_.emplace_back(line); });
  }

  TemporaryFolder folder_;
  std::vector<std::string> lines_;
};

TEST_F(RunProgramTest, TellsLinesAndHowItEnded) {
  ASSERT_OK_AND_ASSIGN(const ProgramEnd end, Run("printf 'one\\r two\\n\\n\\033[1mthree\\tx' >&2; pwd; exit 3"));
  EXPECT_EQ(WEXITSTATUS(end.wait_status), 3);
  EXPECT_THAT(lines_, ElementsAre("one", " two", absl::StrCat(" [1mthree x", folder_.path())));
}

TEST_F(RunProgramTest, LeadsAGroupOfItsOwnAndReadsNothing) {
  ASSERT_OK_AND_ASSIGN(const ProgramEnd end,
                       Run("read line || echo empty; set -- $(cat /proc/$$/stat); [ $5 = $$ ] && echo leader"));
  EXPECT_EQ(end.wait_status, 0);
  EXPECT_THAT(lines_, ElementsAre("empty", "leader"));
}

TEST_F(RunProgramTest, OneThatDoesNotEndIsStoppedWithAllItStarted) {
  const absl::Time begin = absl::Now();
  ASSERT_OK_AND_ASSIGN(const ProgramEnd end,
                       Run("trap '' TERM; (trap '' TERM; sleep 100) & echo $!; sleep 100; sleep 100",
                           {.wall_time = absl::Milliseconds(500)}));
  EXPECT_TRUE(end.out_of_time);
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGKILL);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(50));
  ASSERT_THAT(lines_, SizeIs(1));
  const pid_t child = std::stoi(lines_[0]);
  // It is reaped by whoever inherits it.
  for (int i = 0; i < 1000 && kill(child, 0) == 0; ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_NE(kill(child, 0), 0);
}

TEST_F(RunProgramTest, OutputWithoutEndIsLeftOut) {
  ASSERT_OK_AND_ASSIGN(const ProgramEnd end, Run("yes 123456789 | head -n 100000; echo done", {.output_bytes = 100}));
  EXPECT_EQ(end.wait_status, 0);
  EXPECT_THAT(lines_, SizeIs(Le(13U)));
  EXPECT_THAT(lines_.back(), HasSubstr("left out"));
}

TEST_F(RunProgramTest, ALineWithoutEndIsCut) {
  ASSERT_OK_AND_ASSIGN(const ProgramEnd end, Run("head -c 100000 /dev/zero | tr '\\0' x"));
  EXPECT_EQ(end.wait_status, 0);
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_EQ(lines_[0].size(), 2000U);
}

TEST_F(RunProgramTest, FilesAreLimited) {
  ASSERT_OK_AND_ASSIGN(const ProgramEnd end, Run("exec head -c 100000 /dev/zero > f", {.file_bytes = 1000}));
  EXPECT_NE(end.wait_status, 0);
}

TEST_F(RunProgramTest, ASignalIsPassedOn) {
  ASSERT_OK_AND_ASSIGN(const ProgramEnd end, Run("kill -TERM $PPID; sleep 100"));
  EXPECT_EQ(end.signal, SIGTERM);
  EXPECT_EQ(WTERMSIG(end.wait_status), SIGTERM);
}

TEST_F(RunProgramTest, OneThatIsNotThereIsAnError) {
  EXPECT_THAT(RunProgram({"/no/such/program"}, folder_.path(), {}, [](absl::string_view) {}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("cannot run /no/such/program")));
}

}  // namespace
}  // namespace joinery::compiler
