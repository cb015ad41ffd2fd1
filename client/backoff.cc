#include "client/backoff.h"

#include <algorithm>
#include <utility>

namespace joinery::client {

Backoff::Backoff(const BackoffOptions& options, std::function<uint64_t()> random)
    : options_(options), random_(std::move(random)) {}

std::optional<absl::Duration> Backoff::Next() {
  if (tried_ >= options_.retries) return std::nullopt;
  absl::Duration range = options_.first;
  for (int i = 0; i < tried_ && range < options_.largest; ++i) range *= 2;
  ++tried_;
  constexpr uint64_t kSteps = 1024;
  const double fraction = 0.5 + 0.5 * static_cast<double>(random_() % kSteps) / static_cast<double>(kSteps);
  return std::min(range, options_.largest) * fraction;
}

}  // namespace joinery::client
