#include "client/terminal_input.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"

namespace joinery::client {
namespace {

constexpr size_t kMaxSecretLength = 4096;

// Byte by byte: what comes after the line is not ours.
absl::StatusOr<std::string> ReadLine(int fd) {
  std::string line;
  char c = 0;
  while (true) {
    const ssize_t count = read(fd, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return LocalIo(base::ErrnoStatus(errno, "cannot read the standard input"));
    if (count == 0 || c == '\n') return line;
    if (line.size() == kMaxSecretLength) return absl::InvalidArgumentError("what was given is too long for a token");
    line += c;
  }
}

}  // namespace

absl::StatusOr<std::string> ReadSecretLine(int fd, const std::string& prompt) {
  struct termios shown {};
  const bool is_terminal = tcgetattr(fd, &shown) == 0;
  if (is_terminal) {
    struct termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(fd, TCSAFLUSH, &hidden);
    base::WriteAll(STDERR_FILENO, prompt, "the terminal").IgnoreError();
  }
  const auto restore = absl::MakeCleanup([&] {
    if (!is_terminal) return;
    tcsetattr(fd, TCSAFLUSH, &shown);
    base::WriteAll(STDERR_FILENO, "\n", "the terminal").IgnoreError();
  });
  ASSIGN_OR_RETURN(const std::string line, ReadLine(fd));
  std::string secret(absl::StripAsciiWhitespace(line));
  if (secret.empty()) return absl::InvalidArgumentError("no token was given");
  return secret;
}

}  // namespace joinery::client
