// Who asked for what, across programs: W3C Trace Context, level 1 (the `traceparent` header). Without `tracestate`:
// nothing here adds to one, and no vendor's way of keeping state depends on it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace joinery::telemetry {

// The name of the header in gRPC metadata, and, in capitals, of the environment variable.
inline constexpr char kTraceparentKey[] = "traceparent";
inline constexpr char kTraceparentVariable[] = "TRACEPARENT";

// 64 random bits a call. Must be thread-safe where its user says so.
using RandomBits = std::function<uint64_t()>;

// One span of one trace.
struct TraceContext {
  // 32 lower-case hexadecimal digits, not all zero.
  std::string trace_id;
  // 16 of them, not all zero.
  std::string span_id;
  // Whoever began the trace wants its spans kept.
  bool sampled = true;

  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

// Of "00-TRACE_ID-SPAN_ID-FLAGS", or what a later version may add behind it; nullopt if it is anything else, which by
// the standard is to be treated as if there were none.
std::optional<TraceContext> ParseTraceparent(absl::string_view text);

// Of version 00.
std::string FormatTraceparent(const TraceContext& context);

// The first span of a new trace.
TraceContext NewTrace(const RandomBits& random);

// Another span of the same trace.
TraceContext NewChild(const TraceContext& parent, const RandomBits& random);

}  // namespace joinery::telemetry
