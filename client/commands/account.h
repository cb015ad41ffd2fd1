// How much a user or project has of what it may have, in words.
#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "joinery/v1/admin.pb.h"

namespace joinery::client {

// A limit that is set, and so goes before those that others set for all, and that nobody reaches.
inline constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// "3 of 200", or "3" without a limit.
std::string DescribeQueuedJobs(const v1::Account& account);
std::string DescribeRunningJobs(const v1::Account& account);
// "1.2 GB of 100.0 GB".
std::string DescribeBlobBytes(const v1::Account& account);

}  // namespace joinery::client
