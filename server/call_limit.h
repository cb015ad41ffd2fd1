// So many calls of a kind at a time. Those that last, as long as a client likes, leave threads to those that do not.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace joinery::server {

// Thread-safe.
class CallLimit {
 public:
  // `what` is how the calls are called in errors, such as "uploads and downloads".
  CallLimit(std::string what, int total, int per_user) : what_(std::move(what)), total_(total), per_user_(per_user) {}

  // One call's, as long as it lives; must not outlive its limit.
  class Place {
   public:
    Place(CallLimit& limit, std::string user) : limit_(limit), user_(std::move(user)) {}
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

   private:
    CallLimit& limit_;
    const std::string user_;
  };

  // Errors: kUnavailable the user, or all users together, have no more.
  absl::StatusOr<std::unique_ptr<Place>> Enter(const std::string& user);

 private:
  const std::string what_;
  const int total_;
  const int per_user_;
  std::mutex mutex_;
  int taken_ = 0;
  std::map<std::string, int> taken_by_;
};

}  // namespace joinery::server
