// Why a compiler that did not say so itself has failed.
#pragma once

#include <optional>

#include "joinery/v1/jobs.pb.h"
#include "worker/child_process.h"

namespace joinery::worker {

// What became of a child that gave no Failure event, in this order:
//   its wall time was over, SIGXCPU, or SIGKILL with its processor time used up   TIMED_OUT
//   SIGKILL not sent by us, or exit code 137 (the same, seen by a shell in between), while the kernel killed for want
//   of memory or does not tell, or any other bad end with "bad_alloc", "out of memory" or "Cannot allocate memory" in
//   its last output                                                                    OUT_OF_MEMORY SIGKILL not sent
//   by us otherwise: somebody on the host did                     INTERNAL, a fault of INFRASTRUCTURE SIGXFSZ, or its
//   folder held more than it may: it wrote without end             INTERNAL any other signal, which the message names,
//   or an exit code that is not 0       INTERNAL
// nullopt if it ended with exit code 0. `limits` are those it ran under.
std::optional<v1::Failure> ClassifyEnd(const ChildEnd& end, const ChildLimits& limits);

}  // namespace joinery::worker
