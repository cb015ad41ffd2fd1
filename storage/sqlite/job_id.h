// Names for jobs and leases.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "storage/random_source.h"

namespace joinery::storage {

// Ten characters of Crockford's base 32, such as "6d3k9w2m7q": six for the second, four random. Short enough to type,
// without letters that look alike, and in order of time.
std::string MakeJobId(absl::Time now, const RandomSource& random);

// The same for a job array, with "a-" before it.
std::string MakeArrayId(absl::Time now, const RandomSource& random);

// 128 random bits as 32 hexadecimal digits.
std::string MakeLeaseToken(const RandomSource& random);

}  // namespace joinery::storage
