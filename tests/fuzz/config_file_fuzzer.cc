// The client's configuration file.
#include "client/config_file.h"
#include "tests/fuzz/fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  (void)joinery::client::ParseConfigFile({reinterpret_cast<const char*>(data), size}, "config.toml");
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  return {"# where to\nserver = \"build.example:7420\"\n", "\n\nserver=\"[::1]:1\" # here\n",
          "server = \"a\\\"b\\\\\"\n"};
}
