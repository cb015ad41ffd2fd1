#include "storage/sqlite/job_id.h"

#include <cstdint>

#include "absl/strings/escaping.h"

namespace joinery::storage {
namespace {

constexpr int kTimeDigits = 6;
constexpr int kRandomDigits = 4;
constexpr size_t kTokenBytes = 16;

}  // namespace

std::string MakeJobId(absl::Time now, const RandomSource& random) {
  constexpr char kDigits[] = "0123456789abcdefghjkmnpqrstvwxyz";
  // 32^6 seconds reach from here to 2054.
  static const absl::Time epoch = absl::FromUnixSeconds(1'577'836'800);  // 2020-01-01
  auto seconds = static_cast<uint64_t>(absl::ToInt64Seconds(now - epoch));
  std::string id(kTimeDigits, '0');
  for (int digit = kTimeDigits - 1; digit >= 0; --digit, seconds /= 32) id[digit] = kDigits[seconds % 32];
  for (const char byte : random(kRandomDigits)) id.push_back(kDigits[static_cast<unsigned char>(byte) % 32]);
  return id;
}

std::string MakeArrayId(absl::Time now, const RandomSource& random) { return "a-" + MakeJobId(now, random); }

std::string MakeLeaseToken(const RandomSource& random) { return absl::BytesToHexString(random(kTokenBytes)); }

}  // namespace joinery::storage
