#include "server/access/connection_gate.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "server/access/peer.h"

namespace joinery::server::access {
namespace {

constexpr int kBacklog = 512;
constexpr int kMaxEvents = 64;
// While the process has no descriptor left, a connection that waits would wake the thread again and again.
constexpr absl::Duration kPauseWithoutDescriptors = absl::Milliseconds(50);

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

absl::Status CannotListen(const std::string& address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("cannot listen on ", address, ": ", why,
                                             "; choose another address with --listen, or stop what has this one"));
}

absl::StatusOr<Addresses> Resolve(const std::string& address) {
  const size_t colon = address.rfind(':');
  absl::string_view host = absl::string_view(address).substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(std::string(host).c_str(), address.substr(colon + 1).c_str(), &hints, &found);
  if (error != 0) return CannotListen(address, gai_strerror(error));
  return Addresses(found);
}

void SetPort(sockaddr* address, int port) {
  const auto network_port = htons(static_cast<uint16_t>(port));
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = network_port;
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = network_port;
  }
}

int PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

std::string NumericHost(const sockaddr_storage& address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  const int error = getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host.data(), host.size(), nullptr, 0,
                                NI_NUMERICHOST);
  if (error != 0) return "unknown";
  return HostOf(address.ss_family == AF_INET6 ? absl::StrCat("ipv6:[", host.data(), "]:0")
                                              : absl::StrCat("ipv4:", host.data(), ":0"));
}

absl::StatusOr<base::UniqueFd> ListenAt(const addrinfo& address, const std::string& name) {
  base::UniqueFd fd(socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return CannotListen(name, std::strerror(errno));
  const int on = 1;
  // A port that a server just left is free; one that another has is not.
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) {
    // [::] is for IPv4 too, as everywhere else.
    const int off = 0;
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (bind(fd.get(), address.ai_addr, address.ai_addrlen) != 0 || listen(fd.get(), kBacklog) != 0) {
    return CannotListen(name, std::strerror(errno));
  }
  return fd;
}

absl::Status Watch(int epoll, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return base::ErrnoStatus(errno, "cannot watch a socket");
}

}  // namespace

struct ConnectionGate::State {
  std::atomic<bool> closing{false};
  std::atomic<size_t> open{0};
  std::atomic<size_t> refused{0};
};

ConnectionGate::ConnectionGate(const ConnectionLimits& limits) : limits_(limits), state_(std::make_unique<State>()) {}

absl::StatusOr<std::unique_ptr<ConnectionGate>> ConnectionGate::Listen(const std::string& address,
                                                                       const ConnectionLimits& limits) {
  auto gate = std::unique_ptr<ConnectionGate>(new ConnectionGate(limits));
  RETURN_IF_ERROR(gate->Bind(address));
  gate->epoll_ = base::UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  gate->wake_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!gate->epoll_.valid() || !gate->wake_.valid()) return base::ErrnoStatus(errno, "cannot listen");
  RETURN_IF_ERROR(Watch(gate->epoll_.get(), gate->wake_.get(), EPOLLIN));
  for (const base::UniqueFd& listener : gate->listeners_) {
    RETURN_IF_ERROR(Watch(gate->epoll_.get(), listener.get(), EPOLLIN));
  }
  return gate;
}

absl::Status ConnectionGate::Bind(const std::string& address) {
  ASSIGN_OR_RETURN(const Addresses addresses, Resolve(address));
  absl::Status last = CannotListen(address, "it has no address");
  for (const addrinfo* one = addresses.get(); one != nullptr; one = one->ai_next) {
    if (port_ != 0) SetPort(one->ai_addr, port_);
    absl::StatusOr<base::UniqueFd> listener = ListenAt(*one, address);
    if (!listener.ok()) {
      last = listener.status();
      continue;
    }
    port_ = PortOf(listener->get());
    listeners_.push_back(*std::move(listener));
  }
  return listeners_.empty() ? last : absl::OkStatus();
}

ConnectionGate::~ConnectionGate() { Close(); }

ConnectionCounts ConnectionGate::counts() const { return {state_->open, state_->refused}; }

void ConnectionGate::Open(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor) {
  acceptor_ = std::move(acceptor);
  thread_ = std::thread([this] { Run(); });
}

void ConnectionGate::Close() {
  if (!thread_.joinable()) return;
  state_->closing = true;
  const uint64_t one = 1;
  // Only a counter that is full could refuse, and then the thread is awake.
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  thread_.join();
  listeners_.clear();
}

void ConnectionGate::Run() {
  std::array<epoll_event, kMaxEvents> events{};
  while (!state_->closing) {
    const int count = epoll_wait(epoll_.get(), events.data(), kMaxEvents, -1);
    for (int i = 0; i < count && !state_->closing; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == wake_.get()) continue;
      connections_.count(fd) != 0 ? Forget(fd) : Accept(fd);
    }
  }
}

void ConnectionGate::Accept(int listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  base::UniqueFd fd(accept4(listener, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) {
    if (errno == EMFILE || errno == ENFILE) absl::SleepFor(kPauseWithoutDescriptors);
    return;
  }
  std::string host = NumericHost(address, size);
  const auto known = per_host_.find(host);
  const size_t of_host = known == per_host_.end() ? 0 : known->second;
  base::UniqueFd twin(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  // Without events, epoll tells of the end of both directions alone.
  if (connections_.size() >= limits_.total || of_host >= limits_.per_host || !twin.valid() ||
      !Watch(epoll_.get(), twin.get(), 0).ok()) {
    ++state_->refused;
    return;
  }
  const int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ++per_host_[host];
  const int key = twin.get();
  connections_.emplace(key, Connection{std::move(twin), std::move(host)});
  state_->open = connections_.size();
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener;
  connection.fd = fd.Release();
  acceptor_->HandleNewConnection(&connection);
}

void ConnectionGate::Forget(int twin) {
  const auto connection = connections_.find(twin);
  const auto host = per_host_.find(connection->second.host);
  if (--host->second == 0) per_host_.erase(host);
  connections_.erase(connection);
  state_->open = connections_.size();
}

}  // namespace joinery::server::access
