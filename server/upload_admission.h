// Whether there is room for one more upload: on the disk, and in what a user and a project may have.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "joinery/v1/blobs.pb.h"
#include "server/access/caller.h"
#include "storage/access_store.h"
#include "storage/blob_owners.h"
#include "storage/blob_store.h"

namespace joinery::server {

struct UploadLimits {
  int64_t max_blob_bytes = int64_t{16} << 30;
  // Of a project's blobs and unfinished uploads together, where it has no stored limit.
  int64_t max_project_bytes = std::numeric_limits<int64_t>::max();
  // What uploads leave free on the disk, so that the job queue can still be written.
  int64_t keep_free_bytes = int64_t{64} << 20;
};

// Thread-safe. Knows what running uploads will still need, so that they are not promised the same room.
class UploadAdmission {
 private:
  // Project and digest.
  using Key = std::pair<std::string, std::string>;

 public:
  // The stores must outlive this object. `accounts` has the stored limits; null: there are none.
  UploadAdmission(storage::BlobStore& blobs, storage::BlobOwners& owners, const UploadLimits& limits,
                  storage::AccessStore* accounts)
      : blobs_(blobs), owners_(owners), limits_(limits), accounts_(accounts) {}

  // Room for one upload as long as it lives; must not outlive its admission.
  class Ticket {
   public:
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&&) = delete;
    ~Ticket();

    // So many of the blob's bytes are on the disk.
    void Arrived(int64_t bytes);
    // Whether there still is room for the rest: others write to the disk too.
    absl::Status CheckRoom();

   private:
    friend class UploadAdmission;

    Ticket(UploadAdmission& admission, Key key) : admission_(&admission), key_(std::move(key)) {}

    UploadAdmission* admission_;
    Key key_;
  };

  // What only workers send is nobody's yet and does not count. Errors: kResourceExhausted the blob is too large, the
  // user or project has too much, or the disk is too full; the message has the limit and what is used of it.
  absl::StatusOr<Ticket> Admit(const access::Caller& caller, const v1::BlobRef& blob);

  const UploadLimits& limits() const { return limits_; }

 private:
  // By all uploads of one key together.
  struct Expected {
    int tickets = 0;
    int64_t size = 0;
    int64_t arrived = 0;
    // Who went on with it last; empty if it does not count.
    std::string user;
  };

  absl::Status CheckUser(const std::string& user, int64_t wanted);
  absl::Status CheckProject(const std::string& project, int64_t arrived, int64_t wanted);
  absl::Status CheckDisk(int64_t wanted);
  // What running uploads still need, of one project or, if it is empty, of all.
  int64_t Outstanding(const std::string& project);
  // What a user's unfinished uploads take: of those that run all their bytes, of the others what has arrived.
  int64_t UnfinishedOf(const std::string& user);
  // To be told when the last ticket of an upload goes.
  void KeepAccount(const Key& key, const std::string& user);
  // Of uploads that were gone on with or thrown away meanwhile.
  void ForgetEnded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t Arrived(const Key& key);
  bool IsBrokenOff(const Key& key, const std::string& user);

  storage::BlobStore& blobs_;
  storage::BlobOwners& owners_;
  const UploadLimits limits_;
  storage::AccessStore* const accounts_;
  // One is admitted at a time, so that two do not both get the last room.
  absl::Mutex admitting_;
  absl::Mutex mutex_ ABSL_ACQUIRED_AFTER(admitting_);
  std::map<Key, Expected> expected_ ABSL_GUARDED_BY(mutex_);
  // Whose the uploads are that broke off, as long as this server runs.
  std::map<Key, std::string> broken_off_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace joinery::server
