// What is known of a failure by its reason alone: whose fault it is, whether trying again helps, what to do.
#pragma once

#include "joinery/v1/jobs.pb.h"

namespace joinery::storage {

// Fills in fault_of, retry_may_help and advice. A fault that is said to be the infrastructure's already stays that, of
// whatever reason.
void CompleteFailure(v1::Failure& failure);

}  // namespace joinery::storage
