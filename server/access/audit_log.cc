#include "server/access/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

namespace joinery::server::access {
namespace {

constexpr int kOwnerOnly = 0600;

// A JSON string. What is no printable ASCII is escaped, byte by byte, so that nothing a client says can end a line or
// steer a terminal.
std::string Quote(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (byte < 0x20 || byte >= 0x7f) {
      absl::StrAppendFormat(&quoted, "\\u%04x", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string LineOf(const AuditEntry& entry, absl::Time time) {
  return absl::StrCat("{\"time\":", Quote(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone())),
                      ",\"user\":", Quote(entry.user), ",\"project\":", Quote(entry.project),
                      ",\"peer\":", Quote(entry.peer), ",\"action\":", Quote(entry.action),
                      ",\"subject\":", Quote(entry.subject), ",\"details\":", Quote(entry.details), "}\n");
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileAuditLog>> FileAuditLog::Open(const std::string& path, const base::Clock& clock) {
  auto log = std::unique_ptr<FileAuditLog>(new FileAuditLog(path, clock));
  const absl::MutexLock lock(&log->mutex_);
  RETURN_IF_ERROR(log->Reopen());
  return log;
}

absl::Status FileAuditLog::Reopen() {
  ASSIGN_OR_RETURN(file_, base::OpenFile(path_, O_WRONLY | O_APPEND | O_CREAT, kOwnerOnly));
  return absl::OkStatus();
}

bool FileAuditLog::IsStillThere() {
  struct stat open_file {};
  struct stat named_file {};
  return fstat(file_.get(), &open_file) == 0 && stat(path_.c_str(), &named_file) == 0 &&
         open_file.st_ino == named_file.st_ino && open_file.st_dev == named_file.st_dev;
}

absl::Status FileAuditLog::Record(const AuditEntry& entry, AuditDurability durability) {
  const std::string line = LineOf(entry, clock_.Now());
  const absl::MutexLock lock(&mutex_);
  if (!IsStillThere()) RETURN_IF_ERROR(Reopen());
  // In one write: lines of several processes do not mix.
  RETURN_IF_ERROR(base::WriteAll(file_.get(), line, path_));
  if (durability == AuditDurability::kSynced && fdatasync(file_.get()) != 0) {
    return base::ErrnoStatus(errno, absl::StrCat("cannot make ", path_, " durable"));
  }
  return absl::OkStatus();
}

}  // namespace joinery::server::access
