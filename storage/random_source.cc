#include "storage/random_source.h"

#include <sys/random.h>

#include <cstdlib>

namespace joinery::storage {

std::string SystemRandomBytes(size_t count) {
  std::string bytes(count, '\0');
  // Up to 256 bytes come whole and without an error once the kernel has started (getrandom(2)). A weak token instead
  // would be worse than an end.
  const ssize_t received = getrandom(bytes.data(), bytes.size(), 0);
  if (received != static_cast<ssize_t>(count)) std::abort();
  return bytes;
}

}  // namespace joinery::storage
