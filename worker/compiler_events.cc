#include "worker/compiler_events.h"

#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "joinery/v1/compiler_event.pb.h"
#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr size_t kMaxLineBytes = size_t{64} * 1024;
constexpr size_t kMaxShownBytes = 120;
constexpr size_t kMaxMessageBytes = size_t{16} * 1024;
constexpr int kMaxWarnings = 10;

bool ParseEvent(absl::string_view line, v1::CompilerEvent& event) {
  google::protobuf::util::JsonParseOptions options;
  // A newer compiler may have more to tell.
  options.ignore_unknown_fields = true;
  return google::protobuf::util::JsonStringToMessage(std::string(line), &event, options).ok();
}

}  // namespace

CompilerEvents::CompilerEvents(EventQueue& queue, const DisplayNames& names, StageTimes& stages)
    : queue_(queue),
      names_(names),
      stages_(stages),
      splitter_(kMaxLineBytes, [this](absl::string_view line, bool whole) { TakeLine(line, whole); }) {}

void CompilerEvents::TakeLine(absl::string_view line, bool whole) {
  if (absl::StripAsciiWhitespace(line).empty()) return;
  v1::CompilerEvent event;
  if (!whole) {
    Warn(absl::StrCat("an event of more than ", kMaxLineBytes, " bytes"));
  } else if (!ParseEvent(line, event)) {
    Warn(absl::StrCat("what is not an event: ", CleanText(line, kMaxShownBytes)));
  } else if (event.has_progress()) {
    queue_.SetProgress(event.progress());
    stages_.Take(event.progress());
  } else if (event.has_log()) {
    queue_.AddCompilerLine(event.log().level(), names_.Translate(event.log().text()));
  } else if (event.has_failure()) {
    TakeFailure(event.failure());
  }
}

void CompilerEvents::TakeFailure(const v1::Failure& failure) {
  failure_ = failure;
  failure_->set_message(CleanText(names_.Translate(failure.message()), kMaxMessageBytes));
  failure_->set_culprit(CleanText(names_.Translate(failure.culprit()), kMaxMessageBytes));
  if (failure.reason() == v1::FAILURE_REASON_UNSPECIFIED) failure_->set_reason(v1::FAILURE_REASON_INTERNAL);
}

void CompilerEvents::Warn(absl::string_view what) {
  if (++warnings_ > kMaxWarnings) return;
  queue_.AddCompilerLine(v1::LOG_LEVEL_WARNING, absl::StrCat("left out of the compiler's events: ", what));
}

}  // namespace joinery::worker
