// The only file of the tracer that knows HTTP.
#include <httplib.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "telemetry/otlp.h"

namespace joinery::telemetry {
namespace {

// A collector that is there answers a connection at once.
constexpr absl::Duration kConnectTimeout = absl::Seconds(1);

// The statuses that the protocol says to try again after.
bool IsRetriable(int http_status) {
  return http_status == 429 || http_status == 502 || http_status == 503 || http_status == 504;
}

class OtlpExporter : public SpanExporter {
 public:
  OtlpExporter(OtlpOptions options, Resource resource)
      : options_(std::move(options)), resource_(std::move(resource)), client_(options_.origin) {
    client_.set_connection_timeout(absl::ToChronoMicroseconds(std::min(options_.timeout, kConnectTimeout)));
    client_.set_read_timeout(absl::ToChronoMicroseconds(options_.timeout));
    client_.set_write_timeout(absl::ToChronoMicroseconds(options_.timeout));
    for (const auto& [name, value] : options_.headers) headers_.emplace(name, value);
  }

  absl::Status Export(const std::vector<Span>& spans) override {
    try {
      const httplib::Result result =
          client_.Post(options_.path, headers_, ToOtlpJson(resource_, spans), "application/json");
      if (!result) {
        return absl::UnavailableError(
            absl::StrCat("no answer from ", options_.origin, ": ", httplib::to_string(result.error())));
      }
      if (result->status / 100 == 2) return absl::OkStatus();
      const std::string message = absl::StrCat(options_.origin, options_.path, " answered ", result->status);
      return IsRetriable(result->status) ? absl::UnavailableError(message) : absl::FailedPreconditionError(message);
    } catch (const std::exception& error) {
      return absl::InternalError(absl::StrCat("cannot export spans: ", error.what()));
    }
  }

  void Stop() override { client_.stop(); }

 private:
  const OtlpOptions options_;
  const Resource resource_;
  httplib::Client client_;
  httplib::Headers headers_;
};

}  // namespace

std::unique_ptr<SpanExporter> MakeOtlpExporter(OtlpOptions options, Resource resource) {
  return std::make_unique<OtlpExporter>(std::move(options), std::move(resource));
}

}  // namespace joinery::telemetry
