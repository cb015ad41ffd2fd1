// When what happened to a job, out of what is kept with it.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/timestamp.pb.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::server {

inline absl::Time FromProto(const google::protobuf::Timestamp& proto) {
  return absl::FromUnixSeconds(proto.seconds()) + absl::Nanoseconds(proto.nanos());
}

// The attempt that runs, or the last that ran; null if there was none.
inline const v1::Attempt* LastAttempt(const v1::Job& job) {
  return job.attempt_log().empty() ? nullptr : &*job.attempt_log().rbegin();
}

// Since when the job had been in the queue when its last attempt began.
inline absl::Time QueuedAt(const v1::Job& job) {
  const int attempts = job.attempt_log_size();
  return FromProto(attempts > 1 ? job.attempt_log(attempts - 2).ended_at() : job.created_at());
}

}  // namespace joinery::server
