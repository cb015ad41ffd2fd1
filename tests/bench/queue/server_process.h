// joineryd as a process of its own, on a folder of its own.
#pragma once

#include <sys/types.h>

#include <string>

namespace joinery::bench {

// Runs from construction until destruction.
class ServerProcess {
 public:
  ServerProcess(const std::string& program, const std::string& folder);
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // HOST:PORT; empty if it could not be started.
  const std::string& address() const { return address_; }

  // Of processor time that it has used so far.
  double cpu_seconds() const;

 private:
  pid_t pid_ = 0;
  std::string address_;
};

}  // namespace joinery::bench
