#include "telemetry/trace_context.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace joinery::telemetry {
namespace {

constexpr size_t kTraceIdBegin = 3;
constexpr size_t kTraceIdSize = 32;
constexpr size_t kSpanIdBegin = 36;
constexpr size_t kSpanIdSize = 16;
constexpr size_t kFlagsBegin = 53;
constexpr size_t kSize = 55;

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(absl::string_view text) { return IsLowerHex(text) && text.find_first_not_of('0') != absl::string_view::npos; }

int DigitValue(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// Zero means "none", so it is no id.
uint64_t NonZero(const RandomBits& random) {
  uint64_t bits = 0;
  while (bits == 0) bits = random();
  return bits;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(absl::string_view text) {
  if (text.size() < kSize || text[2] != '-' || text[kSpanIdBegin - 1] != '-' || text[kFlagsBegin - 1] != '-') {
    return std::nullopt;
  }
  const absl::string_view version = text.substr(0, 2);
  if (!IsLowerHex(version) || version == "ff") return std::nullopt;
  if (text.size() > kSize && (version == "00" || text[kSize] != '-')) return std::nullopt;
  const absl::string_view trace_id = text.substr(kTraceIdBegin, kTraceIdSize);
  const absl::string_view span_id = text.substr(kSpanIdBegin, kSpanIdSize);
  const absl::string_view flags = text.substr(kFlagsBegin, 2);
  if (!IsId(trace_id) || !IsId(span_id) || !IsLowerHex(flags)) return std::nullopt;
  return TraceContext{std::string(trace_id), std::string(span_id), (DigitValue(flags[1]) & 1) != 0};
}

std::string FormatTraceparent(const TraceContext& context) {
  return absl::StrCat("00-", context.trace_id, "-", context.span_id, context.sampled ? "-01" : "-00");
}

TraceContext NewTrace(const RandomBits& random) {
  const uint64_t high = NonZero(random);
  return {absl::StrFormat("%016x%016x", high, random()), absl::StrFormat("%016x", NonZero(random)), true};
}

TraceContext NewChild(const TraceContext& parent, const RandomBits& random) {
  return {parent.trace_id, absl::StrFormat("%016x", NonZero(random)), parent.sampled};
}

}  // namespace joinery::telemetry
