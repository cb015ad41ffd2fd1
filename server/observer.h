// Told of what happens in the server, by those who do it. For whoever counts and times.
#pragma once

#include <cstdint>

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
};

}  // namespace joinery::server
