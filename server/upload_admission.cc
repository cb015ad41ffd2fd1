#include "server/upload_admission.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace joinery::server {
namespace {

// Each is a file on the server, however small.
constexpr int64_t kMaxUnfinishedUploads = 1000;
constexpr char kAskForMore[] = "an administrator may change that: joinery admin quota set";

}  // namespace

UploadAdmission::Ticket::Ticket(Ticket&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)), key_(std::move(other.key_)) {}

UploadAdmission::Ticket::~Ticket() {
  if (admission_ == nullptr) return;
  const absl::MutexLock lock(&admission_->mutex_);
  const auto found = admission_->expected_.find(key_);
  if (--found->second.tickets > 0) return;
  const std::string user = std::move(found->second.user);
  admission_->expected_.erase(found);
  if (!user.empty()) admission_->KeepAccount(key_, user);
}

void UploadAdmission::Ticket::Arrived(int64_t bytes) {
  const absl::MutexLock lock(&admission_->mutex_);
  Expected& expected = admission_->expected_[key_];
  expected.arrived = std::max(expected.arrived, bytes);
}

absl::Status UploadAdmission::Ticket::CheckRoom() { return admission_->CheckDisk(/*wanted=*/0); }

int64_t UploadAdmission::Outstanding(const std::string& project) {
  const absl::MutexLock lock(&mutex_);
  int64_t bytes = 0;
  for (const auto& [key, expected] : expected_) {
    if (project.empty() || key.first == project) bytes += std::max<int64_t>(expected.size - expected.arrived, 0);
  }
  return bytes;
}

absl::Status UploadAdmission::CheckDisk(int64_t wanted) {
  ASSIGN_OR_RETURN(const int64_t free_bytes, blobs_.FreeBytes());
  const int64_t outstanding = Outstanding("");
  if (wanted + outstanding <= free_bytes - limits_.keep_free_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("no room for ", wanted, " bytes: the server's disk has ", free_bytes,
                                                   " bytes left, of which it keeps ", limits_.keep_free_bytes,
                                                   ", and running uploads will need ", outstanding));
}

int64_t UploadAdmission::Arrived(const Key& key) {
  return blobs_.UploadedBytes({.project = key.first, .digest = key.second}).value_or(0);
}

void UploadAdmission::KeepAccount(const Key& key, const std::string& user) {
  if (Arrived(key) == 0) return;
  // No project has more, so most of them have ended.
  if (static_cast<int64_t>(broken_off_.size()) >= kMaxUnfinishedUploads) ForgetEnded();
  broken_off_[key] = user;
}

void UploadAdmission::ForgetEnded() {
  for (auto upload = broken_off_.begin(); upload != broken_off_.end();) {
    upload = Arrived(upload->first) == 0 ? broken_off_.erase(upload) : std::next(upload);
  }
}

bool UploadAdmission::IsBrokenOff(const Key& key, const std::string& user) {
  const absl::MutexLock lock(&mutex_);
  const auto found = broken_off_.find(key);
  return found != broken_off_.end() && found->second == user;
}

int64_t UploadAdmission::UnfinishedOf(const std::string& user) {
  const absl::MutexLock lock(&mutex_);
  int64_t bytes = 0;
  for (const auto& [key, expected] : expected_) {
    if (expected.user == user) bytes += expected.size;
  }
  for (const auto& [key, owner] : broken_off_) {
    if (owner == user) bytes += Arrived(key);
  }
  return bytes;
}

absl::Status UploadAdmission::CheckUser(const std::string& user, int64_t wanted) {
  if (accounts_ == nullptr) return absl::OkStatus();
  const storage::LimitSubject subject = {storage::LimitKind::kUser, user};
  ASSIGN_OR_RETURN(const storage::Limits limits, accounts_->LimitsOf(subject));
  if (!limits.blob_bytes.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const storage::Use use, accounts_->UseOf(subject));
  const int64_t unfinished = UnfinishedOf(user);
  const int64_t used = use.blob_bytes + unfinished;
  if (used <= *limits.blob_bytes && wanted <= *limits.blob_bytes - used) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("no room for ", wanted, " bytes: user ", user, " may have ", *limits.blob_bytes, " bytes and has ",
                   use.blob_bytes, " in blobs and ", unfinished, " in unfinished uploads; ", kAskForMore));
}

absl::Status UploadAdmission::CheckProject(const std::string& project, int64_t arrived, int64_t wanted) {
  ASSIGN_OR_RETURN(const storage::BlobStatistics unfinished, blobs_.UploadsOf(project));
  if (arrived == 0 && unfinished.count >= kMaxUnfinishedUploads) {
    return absl::ResourceExhaustedError(absl::StrCat("project ", project, " has ", unfinished.count,
                                                     " unfinished uploads, the most that are kept; finish some, or "
                                                     "wait until they are thrown away after a day"));
  }
  int64_t limit = limits_.max_project_bytes;
  if (accounts_ != nullptr) {
    ASSIGN_OR_RETURN(const storage::Limits limits, accounts_->LimitsOf(project));
    limit = limits.blob_bytes.value_or(limit);
  }
  ASSIGN_OR_RETURN(const storage::ProjectUsage usage, owners_.UsageOf(project));
  const int64_t used = usage.bytes + unfinished.bytes + Outstanding(project);
  if (used <= limit && wanted <= limit - used) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("no room for ", wanted, " bytes: project ", project, " may have ",
                                                   limit, " bytes and has ", usage.bytes, " in blobs and ",
                                                   used - usage.bytes, " in unfinished uploads; ", kAskForMore));
}

absl::StatusOr<UploadAdmission::Ticket> UploadAdmission::Admit(const access::Caller& caller, const v1::BlobRef& blob) {
  if (blob.size() > limits_.max_blob_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the blob has ", blob.size(), " bytes, this server takes at most ",
                                                     limits_.max_blob_bytes, " (joineryd --max-blob-size)"));
  }
  const Key key = {caller.project, blob.digest()};
  const absl::MutexLock admitting(&admitting_);
  {
    const absl::MutexLock lock(&mutex_);
    const auto found = expected_.find(key);
    if (found != expected_.end() && found->second.size >= blob.size()) {
      ++found->second.tickets;
      return Ticket(*this, key);
    }
  }
  ASSIGN_OR_RETURN(const int64_t arrived, blobs_.UploadedBytes({.project = caller.project, .digest = blob.digest()}));
  const int64_t wanted = std::max<int64_t>(blob.size() - arrived, 0);
  if (caller.may_submit) {
    // Of an upload of its own that it goes on with, what has arrived counts already.
    RETURN_IF_ERROR(CheckUser(caller.user, IsBrokenOff(key, caller.user) ? wanted : blob.size()));
    RETURN_IF_ERROR(CheckProject(caller.project, arrived, wanted));
  }
  RETURN_IF_ERROR(CheckDisk(wanted));
  const absl::MutexLock lock(&mutex_);
  Expected& expected = expected_[key];
  ++expected.tickets;
  expected.size = std::max(expected.size, blob.size());
  expected.arrived = std::max(expected.arrived, arrived);
  if (!caller.may_submit) return Ticket(*this, key);
  expected.user = caller.user;
  broken_off_.erase(key);
  return Ticket(*this, key);
}

}  // namespace joinery::server
