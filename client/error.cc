#include "client/error.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace joinery::client {
namespace {

constexpr char kOriginKey[] = "joinery.client/origin";
constexpr char kCodeKey[] = "joinery.client/code";
constexpr char kWhyKey[] = "joinery.client/why";
constexpr char kFixKey[] = "joinery.client/fix";
constexpr char kJobKey[] = "joinery.client/job";
constexpr char kRequestKey[] = "joinery.client/request";
constexpr char kRetryKey[] = "joinery.client/retry";
constexpr char kFaultKey[] = "joinery.client/fault";

absl::Status WithPayload(absl::Status status, absl::string_view key, absl::string_view value) {
  if (!status.ok() && !value.empty()) status.SetPayload(key, absl::Cord(value));
  return status;
}

std::string PayloadOf(const absl::Status& status, absl::string_view key) {
  const auto payload = status.GetPayload(key);
  return payload.has_value() ? std::string(*payload) : std::string();
}

std::string NameOf(v1::FailureReason reason) {
  const std::string& name = v1::FailureReason_Name(reason);
  return name.empty() ? "UNKNOWN" : std::string(absl::StripPrefix(name, "FAILURE_REASON_"));
}

std::string FixFor(const v1::Failure& failure, absl::string_view job_id) {
  if (failure.fault_of() == v1::FAULT_OF_JOINERY) {
    return absl::StrCat(failure.advice(), "; its log: joinery jobs logs ", job_id);
  }
  if (!failure.advice().empty()) return failure.advice();
  // A server that is older than advice.
  switch (failure.reason()) {
    case v1::FAILURE_REASON_WORKER_LOST:
      return "submit again; if it happens again, look at the workers' logs";
    case v1::FAILURE_REASON_OUT_OF_MEMORY:
      return "use a smaller model, or ask for workers with more memory";
    case v1::FAILURE_REASON_TIMED_OUT:
      return "use fewer calibration samples, or ask for workers with a longer limit";
    default:
      return absl::StrCat("see the whole log: joinery jobs logs ", job_id);
  }
}

std::string CodeOf(const absl::Status& status) {
  if (std::string code = PayloadOf(status, kCodeKey); !code.empty()) return code;
  switch (OriginOf(status)) {
    case Origin::kLocalIo:
      return "LOCAL_IO";
    case Origin::kJobCancelled:
      return "JOB_CANCELLED";
    case Origin::kWaitTimedOut:
      return "WAIT_TIMED_OUT";
    case Origin::kInterrupted:
      return "INTERRUPTED";
    case Origin::kTerminated:
      return "TERMINATED";
    default:
      return absl::StatusCodeToString(status.code());
  }
}

bool IsRetryable(const absl::Status& status) {
  switch (OriginOf(status)) {
    case Origin::kUnspecified:
      return base::IsRetriable(status) || absl::IsAborted(status);
    case Origin::kJobFailed:
      return !PayloadOf(status, kRetryKey).empty() ||
             PayloadOf(status, kCodeKey) == NameOf(v1::FAILURE_REASON_WORKER_LOST);
    default:
      return false;
  }
}

std::string ClassOf(const absl::Status& status) {
  if (IsRetryable(status)) return "transient";
  if (OriginOf(status) == Origin::kJobFailed) {
    const bool theirs = PayloadOf(status, kFaultKey) == absl::StrCat(static_cast<int>(v1::FAULT_OF_JOINERY)) ||
                        PayloadOf(status, kCodeKey) == NameOf(v1::FAILURE_REASON_INTERNAL);
    return theirs ? "service" : "user";
  }
  if (OriginOf(status) != Origin::kUnspecified) return "user";
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return "user";
    default:
      return "service";
  }
}

}  // namespace

absl::Status WithOrigin(absl::Status status, Origin origin) {
  return WithPayload(std::move(status), kOriginKey, absl::StrCat(static_cast<int>(origin)));
}
absl::Status WithWhy(absl::Status status, absl::string_view why) {
  return WithPayload(std::move(status), kWhyKey, why);
}
absl::Status WithFix(absl::Status status, absl::string_view fix) {
  return WithPayload(std::move(status), kFixKey, fix);
}
absl::Status WithJob(absl::Status status, absl::string_view job_id) {
  return WithPayload(std::move(status), kJobKey, job_id);
}
absl::Status WithRequest(absl::Status status, absl::string_view request_id) {
  return WithPayload(std::move(status), kRequestKey, request_id);
}

absl::Status LocalIo(const absl::Status& status) { return WithOrigin(status, Origin::kLocalIo); }

Origin OriginOf(const absl::Status& status) {
  int origin = 0;
  if (!absl::SimpleAtoi(PayloadOf(status, kOriginKey), &origin)) return Origin::kUnspecified;
  return static_cast<Origin>(origin);
}

absl::Status OutcomeOf(const v1::Job& job) {
  switch (job.state()) {
    case v1::JOB_STATE_SUCCEEDED:
      return absl::OkStatus();
    case v1::JOB_STATE_CANCELLED:
      return WithJob(
          WithOrigin(absl::CancelledError(absl::StrCat("job ", job.id(), " was cancelled")), Origin::kJobCancelled),
          job.id());
    case v1::JOB_STATE_FAILED: {
      const v1::Failure& failure = job.failure();
      absl::Status status =
          WithOrigin(absl::FailedPreconditionError(failure.message().empty() ? "the job failed" : failure.message()),
                     Origin::kJobFailed);
      status = WithPayload(std::move(status), kCodeKey, NameOf(failure.reason()));
      if (!failure.culprit().empty()) {
        status = WithWhy(std::move(status), absl::StrCat("the fault is at ", failure.culprit()));
      }
      status = WithPayload(std::move(status), kRetryKey, failure.retry_may_help() ? "yes" : "");
      status = WithPayload(std::move(status), kFaultKey, absl::StrCat(static_cast<int>(failure.fault_of())));
      return WithJob(WithFix(std::move(status), FixFor(failure, job.id())), job.id());
    }
    default:
      return WithJob(absl::InternalError(absl::StrCat("job ", job.id(), " has not ended")), job.id());
  }
}

absl::Status OutcomeOf(const std::vector<v1::Job>& jobs) {
  absl::Status first;
  int without_success = 0;
  for (const v1::Job& job : jobs) {
    const absl::Status status = OutcomeOf(job);
    if (status.ok()) continue;
    ++without_success;
    if (first.ok()) first = status;
  }
  if (without_success < 2) return first;
  return base::Annotate(first, absl::StrCat(without_success, " of ", jobs.size(), " jobs did not succeed, the first"));
}

ErrorReport Describe(const absl::Status& status) {
  return {.code = CodeOf(status),
          .error_class = ClassOf(status),
          .message = std::string(status.message()),
          .why = PayloadOf(status, kWhyKey),
          .fix = PayloadOf(status, kFixKey),
          .job_id = PayloadOf(status, kJobKey),
          .request_id = PayloadOf(status, kRequestKey),
          .retryable = IsRetryable(status)};
}

}  // namespace joinery::client
