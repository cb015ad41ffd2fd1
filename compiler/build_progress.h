// Tells a listener how far a build is, and notes what the report keeps of it.
#pragma once

#include <malloc.h>

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "base/status.h"
#include "compiler/build.h"
#include "joinery/v1/jobs.pb.h"
#include "joinery/v1/manifest.pb.h"

namespace joinery::compiler {

// Not thread-safe, but for ReportFraction as far as the listener is.
class BuildProgress {
 public:
  // Both must outlive it.
  BuildProgress(BuildListener& listener, v1::Report& report, int num_stages) : listener_(listener), report_(&report) {
    progress_.set_stage_count(num_stages);
  }

  // Notes what comes from now on in another report, which must outlive it.
  void WriteTo(v1::Report& report) { report_ = &report; }
  void AddStages(int count) { progress_.set_stage_count(progress_.stage_count() + count); }

  // Runs a stage and notes how long it took.
  template <typename Function>
  absl::Status Stage(const std::string& name, const Function& run) {
    progress_.set_stage(name);
    progress_.set_stage_index(progress_.stage_index() + 1);
    ReportFraction(0);
    const auto begin = std::chrono::steady_clock::now();
    RETURN_IF_ERROR(run());
    v1::StageTime* time = report_->add_stages();
    time->set_stage(name);
    time->set_seconds(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    ReportFraction(1);
    ReturnFreedMemory();
    return absl::OkStatus();
  }

  // Of the stage that runs, 0 to 1.
  void ReportFraction(double fraction) {
    progress_.set_fraction(fraction);
    listener_.OnProgress(progress_);
  }

  void Info(const std::string& text) { listener_.OnLog(v1::LOG_LEVEL_INFO, text); }

  // Also kept in the report.
  void Warn(const std::string& text) {
    report_->add_warnings(text);
    listener_.OnLog(v1::LOG_LEVEL_WARNING, text);
  }

  // The next peak comes on top of what the allocator holds back.
  static void ReturnFreedMemory() { malloc_trim(0); }

 private:
  BuildListener& listener_;
  v1::Report* report_;
  v1::Progress progress_;
};

}  // namespace joinery::compiler
