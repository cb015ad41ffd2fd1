// The spans of a job that only the server can tell: how long it waited, and attempts whose worker did not live to tell.
#pragma once

#include "joinery/v1/jobs.pb.h"
#include "server/observer.h"
#include "telemetry/tracer.h"

namespace joinery::server {

// Both are children of the call that created the job. Thread-safe.
class JobSpans : public Observer {
 public:
  // `tracer` must outlive this object.
  explicit JobSpans(telemetry::Tracer& tracer) : tracer_(tracer) {}

  void JobChanged(const v1::Job& job) override;

 private:
  telemetry::Tracer& tracer_;
};

}  // namespace joinery::server
