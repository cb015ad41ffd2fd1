// How much a user or project has of what it may have, in words.
#pragma once

#include <string>

#include "joinery/v1/admin.pb.h"

namespace joinery::client {

// "3 of 200", or "3" without a limit.
std::string DescribeQueuedJobs(const v1::Account& account);
std::string DescribeRunningJobs(const v1::Account& account);
// "1.2 GB of 100.0 GB".
std::string DescribeBlobBytes(const v1::Account& account);

}  // namespace joinery::client
