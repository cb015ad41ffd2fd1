#include "server/call_limit.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace joinery::server {

CallLimit::Place::~Place() {
  const std::lock_guard lock(limit_.mutex_);
  --limit_.taken_;
  const auto by_user = limit_.taken_by_.find(user_);
  if (--by_user->second == 0) limit_.taken_by_.erase(by_user);
}

absl::StatusOr<std::unique_ptr<CallLimit::Place>> CallLimit::Enter(const std::string& user) {
  const std::lock_guard lock(mutex_);
  if (taken_ >= total_) {
    return absl::UnavailableError(absl::StrCat("the server has ", total_, " ", what_, " open, its most; try again"));
  }
  int& taken = taken_by_[user];
  if (taken >= per_user_) {
    return absl::UnavailableError(
        absl::StrCat(user, " has ", per_user_, " ", what_, " open, the most for a user; try again when one is done"));
  }
  ++taken;
  ++taken_;
  return std::make_unique<Place>(*this, user);
}

}  // namespace joinery::server
