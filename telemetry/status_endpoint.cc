#include "telemetry/status_endpoint.h"

#include <httplib.h>
#include <prometheus/text_serializer.h>

#include <iterator>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace joinery::telemetry {
namespace {

// A scraper, a probe or two, and one that does not read what it asked for.
constexpr size_t kThreads = 4;
constexpr time_t kTimeoutSeconds = 5;
// Nothing that is asked here has a body.
constexpr size_t kMaxBodyBytes = 1024;
constexpr char kMetricsType[] = "text/plain; version=0.0.4; charset=utf-8";
constexpr char kPlainType[] = "text/plain; charset=utf-8";

struct Address {
  std::string host;
  int port = 0;
};

absl::StatusOr<Address> ParseAddress(const std::string& text) {
  const size_t colon = text.rfind(':');
  Address address;
  if (colon != std::string::npos && colon > 0 && absl::SimpleAtoi(text.substr(colon + 1), &address.port) &&
      address.port >= 0 && address.port <= 65535) {
    absl::string_view host(text.data(), colon);
    if (absl::ConsumePrefix(&host, "[") == absl::ConsumeSuffix(&host, "]") && !host.empty()) {
      address.host = std::string(host);
      return address;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(text, " is not HOST:PORT"));
}

class HttpEndpoint : public StatusEndpoint {
 public:
  explicit HttpEndpoint(StatusEndpointOptions options) : options_(std::move(options)) {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_read_timeout(kTimeoutSeconds);
    server_.set_write_timeout(kTimeoutSeconds);
    server_.set_keep_alive_timeout(kTimeoutSeconds);
    server_.set_payload_max_length(kMaxBodyBytes);
    // Not SO_REUSEPORT, which is the library's own choice: a second program would take half of the questions.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server_.Get("/metrics", [this](const httplib::Request& /*request*/, httplib::Response& response) {
      response.set_content(MetricsText(options_.metrics), kMetricsType);
    });
    server_.Get("/healthz", [](const httplib::Request& /*request*/, httplib::Response& response) {
      response.set_content("ok\n", kPlainType);
    });
    server_.Get("/readyz", [this](const httplib::Request& /*request*/, httplib::Response& response) {
      const absl::Status status = options_.readiness();
      response.status = status.ok() ? 200 : 503;
      response.set_content(status.ok() ? "ready\n" : absl::StrCat("not ready: ", status.message(), "\n"), kPlainType);
    });
  }

  ~HttpEndpoint() override {
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }
  HttpEndpoint(const HttpEndpoint&) = delete;
  HttpEndpoint& operator=(const HttpEndpoint&) = delete;

  absl::Status Listen() {
    ASSIGN_OR_RETURN(const Address address, ParseAddress(options_.listen));
    port_ = address.port;
    if (port_ == 0) {
      port_ = server_.bind_to_any_port(address.host);
    } else if (!server_.bind_to_port(address.host, port_)) {
      port_ = -1;
    }
    if (port_ <= 0) {
      return absl::UnavailableError(absl::StrCat("cannot listen on ", options_.listen,
                                                 " for metrics: another program has that port, or it is no address of "
                                                 "this host; choose another with --metrics-listen"));
    }
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    // The library loses a stop() that comes before it runs.
    while (!server_.is_running()) std::this_thread::yield();
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  const StatusEndpointOptions options_;
  httplib::Server server_;
  int port_ = -1;
  std::thread thread_;
};

}  // namespace

std::string MetricsText(const std::vector<const prometheus::Collectable*>& collectables) {
  std::vector<prometheus::MetricFamily> families;
  for (const prometheus::Collectable* collectable : collectables) {
    std::vector<prometheus::MetricFamily> collected = collectable->Collect();
    families.insert(families.end(), std::make_move_iterator(collected.begin()),
                    std::make_move_iterator(collected.end()));
  }
  return prometheus::TextSerializer().Serialize(families);
}

absl::StatusOr<std::unique_ptr<StatusEndpoint>> StatusEndpoint::Start(StatusEndpointOptions options) {
  auto endpoint = std::make_unique<HttpEndpoint>(std::move(options));
  RETURN_IF_ERROR(endpoint->Listen());
  return endpoint;
}

}  // namespace joinery::telemetry
