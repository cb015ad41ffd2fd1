// A folder of its own for the stub compiler, and ways to run it there.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "worker/child_process.h"

namespace joinery::testing {

inline constexpr char kStub[] = JOINERY_STUB_COMPILER;

class ChildProcessTest : public ::testing::Test {
 protected:
  worker::ChildCommand Command(const std::string& deed) {
    EXPECT_THAT(base::WriteFileAtomically(folder_ / "config.prototxt", deed), IsOk());
    EXPECT_THAT(base::WriteFileAtomically(folder_ / "model.onnx", "model"), IsOk());
    EXPECT_THAT(base::WriteFileAtomically(folder_ / "calibration.tar", "tar"), IsOk());
    worker::ChildCommand command;
    command.arguments = {kStub,           "build",
                         "--input",       "model.onnx",
                         "--calibration", "calibration.tar",
                         "--config",      "config.prototxt",
                         "--output",      "out.joint",
                         "--report",      "report.json",
                         "--events-fd",   "3"};
    command.folder = folder_.path();
    command.limits = limits_;
    command.sandbox = sandbox_;
    return command;
  }

  worker::ChildEnd Run(const std::string& deed) {
    absl::StatusOr<worker::ChildEnd> end = worker::RunChild(Command(deed), stop_, [&](absl::string_view bytes) {
      absl::StrAppend(&events_, bytes);
      if (on_events_) on_events_();
    });
    EXPECT_THAT(end, IsOk());
    return end.ok() ? *std::move(end) : worker::ChildEnd();
  }

  std::string Report() { return base::ReadFile(folder_ / "report.json", 1 << 20).value_or(""); }

  // The process the stub told about ("pid=N"), or 0.
  pid_t ToldPid() const {
    const size_t at = events_.find("pid=");
    pid_t pid = 0;
    if (at == std::string::npos) return 0;
    const size_t end = events_.find('"', at);
    return absl::SimpleAtoi(events_.substr(at + 4, end - at - 4), &pid) ? pid : 0;
  }

  TemporaryFolder folder_;
  worker::ChildLimits limits_;
  worker::Sandbox sandbox_;
  worker::JobStop stop_;
  std::string events_;
  std::function<void()> on_events_;
};

}  // namespace joinery::testing
