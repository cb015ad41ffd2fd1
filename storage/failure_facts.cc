#include "storage/failure_facts.h"

#include <array>

namespace joinery::storage {
namespace {

struct Facts {
  v1::FailureReason reason;
  v1::FaultOf fault_of;
  bool retry_may_help;
  const char* advice;
};

constexpr std::array<Facts, 13> kFacts = {{
    {v1::FAILURE_REASON_UNSPECIFIED, v1::FAULT_OF_JOINERY, false,
     "report this with the job's log: joinery jobs logs ID"},
    {v1::FAILURE_REASON_INVALID_MODEL, v1::FAULT_OF_USER, false,
     "export the model again and check it with onnx.checker.check_model, then submit it anew"},
    {v1::FAILURE_REASON_UNSUPPORTED_OPERATOR, v1::FAULT_OF_USER, false,
     "export the model without that operator, or leave that part of it out"},
    {v1::FAILURE_REASON_INVALID_CALIBRATION, v1::FAULT_OF_USER, false,
     "mend the calibration set so that it fits the model's input, then submit again"},
    {v1::FAILURE_REASON_INVALID_CONFIG, v1::FAULT_OF_USER, false, "mend the configuration, then submit again"},
    {v1::FAILURE_REASON_OUT_OF_MEMORY, v1::FAULT_OF_USER, false,
     "ask for a worker with more memory (--require-memory), or use a smaller model or fewer calibration samples"},
    {v1::FAILURE_REASON_TIMED_OUT, v1::FAULT_OF_USER, false,
     "use fewer calibration samples or a faster preset, or ask for more time (--max-time)"},
    {v1::FAILURE_REASON_WORKER_LOST, v1::FAULT_OF_INFRASTRUCTURE, true,
     "look at the named workers' logs for what ended them; if they were stopped by hand, submit again"},
    {v1::FAILURE_REASON_INTERNAL, v1::FAULT_OF_JOINERY, false, "report this with the job's log: joinery jobs logs ID"},
    {v1::FAILURE_REASON_DEADLINE_PASSED, v1::FAULT_OF_INFRASTRUCTURE, true,
     "submit again with a later deadline or a higher priority, or add workers"},
    {v1::FAILURE_REASON_WORKER_FAULT, v1::FAULT_OF_INFRASTRUCTURE, true,
     "mend what the message names on that worker, then submit again"},
    {v1::FAILURE_REASON_GPU_UNAVAILABLE, v1::FAULT_OF_INFRASTRUCTURE, true,
     "mend the GPU that the message names, or let the job run on the CPU (--device auto or --device cpu)"},
    {v1::FAILURE_REASON_VENDOR_TOOL, v1::FAULT_OF_USER, false,
     "read what the tool printed (joinery jobs logs ID) and mend what it names, or build without --vendor-binary"},
}};

const Facts& FactsOf(v1::FailureReason reason) {
  for (const Facts& facts : kFacts) {
    if (facts.reason == reason) return facts;
  }
  return kFacts.front();
}

}  // namespace

void CompleteFailure(v1::Failure& failure) {
  const bool infrastructure = failure.fault_of() == v1::FAULT_OF_INFRASTRUCTURE;
  const Facts& facts = FactsOf(failure.reason());
  failure.set_fault_of(infrastructure ? v1::FAULT_OF_INFRASTRUCTURE : facts.fault_of);
  failure.set_retry_may_help(infrastructure || facts.retry_may_help);
  failure.set_advice(facts.advice);
}

}  // namespace joinery::storage
