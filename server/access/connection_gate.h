// The door: accepts connections and lets in only so many, before a byte of them is read.
#pragma once

#include <grpcpp/server_builder.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"

namespace joinery::server::access {

struct ConnectionLimits {
  // At a time.
  size_t total = 10'000;
  size_t per_host = 1'000;
};

// How often a connection was turned away, and how many there are.
struct ConnectionCounts {
  size_t open = 0;
  size_t refused = 0;
};

// Listens, and hands what it accepts to gRPC. Who is one too many is disconnected at once, which a client takes for a
// server that is away for a moment. gRPC ends its connections by shutdown(2), which a second descriptor of the same
// socket notices: that is how the gate counts. Its thread sleeps unless somebody comes or goes.
class ConnectionGate {
 public:
  // Binds to all addresses of HOST:PORT; port 0 takes one that is free. Nobody is let in before Open.
  // Errors: kUnavailable nothing can listen there.
  static absl::StatusOr<std::unique_ptr<ConnectionGate>> Listen(const std::string& address,
                                                                const ConnectionLimits& limits);
  ~ConnectionGate();
  ConnectionGate(const ConnectionGate&) = delete;
  ConnectionGate& operator=(const ConnectionGate&) = delete;

  int port() const { return port_; }
  // Of now. Thread-safe.
  ConnectionCounts counts() const;

  // Lets connections in, until Close. The acceptor's server must have started, and must end after Close.
  void Open(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor);
  // Lets nobody in any more; those who are stay. Again: does nothing.
  void Close();

 private:
  struct Connection {
    base::UniqueFd twin;
    std::string host;
  };
  struct State;

  explicit ConnectionGate(const ConnectionLimits& limits);

  absl::Status Bind(const std::string& address);
  void Run();
  void Accept(int listener);
  void Forget(int twin);

  const ConnectionLimits limits_;
  int port_ = 0;
  std::vector<base::UniqueFd> listeners_;
  base::UniqueFd epoll_;
  base::UniqueFd wake_;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::thread thread_;
  // Of the thread alone.
  std::map<int, Connection> connections_;
  std::map<std::string, size_t> per_host_;
  std::unique_ptr<State> state_;
};

}  // namespace joinery::server::access
