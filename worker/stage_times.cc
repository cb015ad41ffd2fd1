#include "worker/stage_times.h"

#include <algorithm>
#include <utility>

#include "worker/text.h"

namespace joinery::worker {
namespace {

constexpr int kMaxStages = 64;
constexpr size_t kMaxNameBytes = 64;

}  // namespace

void StageTimes::Take(const v1::Progress& progress) {
  std::string stage = CleanText(progress.stage(), kMaxNameBytes);
  if (stage == stage_ || stage.empty()) return;
  Finish(absl::OkStatus());
  if (++count_ > kMaxStages) return;
  stage_ = std::move(stage);
  began_at_ = tracer_.clock().Now();
}

void StageTimes::Finish(const absl::Status& status) {
  if (stage_.empty()) return;
  const absl::Time now = tracer_.clock().Now();
  metrics_.StageEnded(stage_, std::max(now - began_at_, absl::ZeroDuration()));
  if (compile_.has_value() && tracer_.enabled()) {
    telemetry::Span span;
    span.name = stage_;
    span.context = telemetry::NewChild(*compile_, tracer_.random());
    span.parent_span_id = compile_->span_id;
    span.start = began_at_;
    span.end = now;
    span.status = status;
    tracer_.Record(std::move(span));
  }
  stage_.clear();
}

}  // namespace joinery::worker
