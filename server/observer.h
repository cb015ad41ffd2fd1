// Told of what happens in the server, by those who do it. For whoever counts and times.
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "joinery/v1/jobs.pb.h"

namespace joinery::server {

// Thread-safe; must return at once.
class Observer {
 public:
  virtual ~Observer() = default;

  // The state of a job has changed, or it is new; this is how it is now.
  virtual void JobChanged(const v1::Job& /*job*/) {}

  // Bytes of blobs, as they come and go.
  virtual void BytesReceived(int64_t /*count*/) {}
  virtual void BytesSent(int64_t /*count*/) {}

  // What is stored of the blob is not what it should be; whoever says so takes it out of service.
  virtual void BlobDamaged(const std::string& /*digest*/) {}

  // Bytes that were read only to see whether they are still right, and the end of a round over all blobs.
  virtual void BytesScrubbed(int64_t /*count*/) {}
  virtual void ScrubEnded(absl::Time /*now*/) {}
};

}  // namespace joinery::server
