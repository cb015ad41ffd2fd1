#include "client/logins.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status.h"
#include "client/error.h"

namespace joinery::client {
namespace {

constexpr int64_t kMaxLoginSize = 64 * 1024;
constexpr int kOwnerOnly = 0600;
constexpr int kFolderOfOwner = 0700;

std::string PathFor(const std::string& folder, const std::string& server) {
  std::string name;
  for (const char c : server) {
    if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_') {
      name += c;
    } else {
      absl::StrAppendFormat(&name, "%%%02x", static_cast<unsigned char>(c));
    }
  }
  return absl::StrCat(folder, "/", name, ".toml");
}

std::string CurrentPath(const std::string& folder) { return absl::StrCat(folder, "/current"); }

std::string Line(absl::string_view key, const std::string& value) {
  if (value.empty()) return "";
  return absl::StrCat(key, " = \"", absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"\n");
}

// The text, or nothing if there is no file.
absl::StatusOr<std::string> ReadIfThere(const std::string& path) {
  absl::StatusOr<std::string> text = base::ReadFile(path, kMaxLoginSize);
  if (absl::IsNotFound(text.status())) return "";
  if (!text.ok()) return LocalIo(text.status());
  return text;
}

// The folder keeps others out while the file is written.
absl::Status WriteSecret(const std::string& path, absl::string_view text) {
  RETURN_IF_ERROR(base::WriteFileAtomically(path, text));
  return chmod(path.c_str(), kOwnerOnly) == 0 ? absl::OkStatus()
                                              : base::ErrnoStatus(errno, absl::StrCat("cannot protect ", path));
}

absl::Status MakeFolder(const std::string& folder) {
  if (folder.empty()) {
    return WithFix(absl::FailedPreconditionError("there is no place to keep a login: neither HOME nor XDG_CONFIG_HOME "
                                                 "is set"),
                   "set one of them, or use --token-file");
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return base::ErrnoStatus(error.value(), absl::StrCat("cannot create ", folder));
  return chmod(folder.c_str(), kFolderOfOwner) == 0 ? absl::OkStatus()
                                                    : base::ErrnoStatus(errno, absl::StrCat("cannot protect ", folder));
}

absl::Status Save(const std::string& folder, const ConfigFile& login) {
  RETURN_IF_ERROR(MakeFolder(folder));
  RETURN_IF_ERROR(
      WriteSecret(PathFor(folder, login.server),
                  absl::StrCat("# Written by joinery login. Who has this token can act for you.\n",
                               Line("server", login.server), Line("token", login.token), Line("tls_ca", login.tls_ca),
                               Line("tls_cert", login.tls_cert), Line("tls_key", login.tls_key))));
  return WriteSecret(CurrentPath(folder), absl::StrCat(login.server, "\n"));
}

}  // namespace

std::string LoginFolder(const Environment& environment) {
  const std::string config = ConfigFilePath(environment);
  return config.empty() ? "" : (std::filesystem::path(config).parent_path() / "logins").string();
}

absl::StatusOr<ConfigFile> ReadLogin(const std::string& server, const Environment& environment) {
  const std::string folder = LoginFolder(environment);
  if (folder.empty()) return ConfigFile();
  const std::string path = PathFor(folder, server);
  ASSIGN_OR_RETURN(const std::string text, ReadIfThere(path));
  return ParseConfigFile(text, path);
}

absl::StatusOr<std::string> CurrentLogin(const Environment& environment) {
  const std::string folder = LoginFolder(environment);
  if (folder.empty()) return "";
  ASSIGN_OR_RETURN(const std::string text, ReadIfThere(CurrentPath(folder)));
  return std::string(absl::StripAsciiWhitespace(text));
}

absl::Status SaveLogin(const ConfigFile& login, const Environment& environment) {
  const absl::Status saved = Save(LoginFolder(environment), login);
  return saved.ok() || absl::IsFailedPrecondition(saved) ? saved : LocalIo(saved);
}

absl::StatusOr<bool> RemoveLogin(const std::string& server, const Environment& environment) {
  const std::string folder = LoginFolder(environment);
  if (folder.empty()) return false;
  ASSIGN_OR_RETURN(const std::string current, CurrentLogin(environment));
  for (const std::string& path : {current == server ? CurrentPath(folder) : "", PathFor(folder, server)}) {
    if (path.empty() || unlink(path.c_str()) == 0) continue;
    if (errno != ENOENT) return LocalIo(base::ErrnoStatus(errno, absl::StrCat("cannot remove ", path)));
    if (path != CurrentPath(folder)) return false;
  }
  return true;
}

}  // namespace joinery::client
