// A data folder with a job that has succeeded and a blob that no job refers to.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/digest.h"
#include "joinery/v1/jobs.pb.h"
#include "server/blob_access.h"
#include "storage/local/blob_store.h"
#include "storage/sqlite/blob_owners.h"
#include "storage/sqlite/database.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server {

class DataFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto blobs = storage::LocalBlobStore::Open(folder_.path(), file_system_, clock_);
    ASSERT_THAT(blobs, joinery::testing::IsOk());
    blobs_ = *std::move(blobs);
    auto owners = storage::SqliteBlobOwners::Open(folder_ / "joinery.db", clock_);
    ASSERT_THAT(owners, joinery::testing::IsOk());
    owners_ = *std::move(owners);
    access_ = std::make_unique<BlobAccess>(*blobs_, *owners_);
    for (const char* bytes : {"model", "images", "artifact", "report", "unused"}) {
      ASSERT_THAT(Put(bytes), joinery::testing::IsOk());
    }
    AddJob();
  }

  static v1::BlobRef RefTo(const std::string& bytes) {
    v1::BlobRef blob;
    blob.set_digest(base::Sha256(bytes));
    blob.set_size(static_cast<int64_t>(bytes.size()));
    return blob;
  }

  absl::Status Put(const std::string& bytes) {
    const v1::BlobRef blob = RefTo(bytes);
    auto writer = blobs_->StartWrite({.project = "default", .digest = blob.digest()});
    if (!writer.ok()) return writer.status();
    if (absl::Status status = (*writer)->Write(0, bytes); !status.ok()) return status;
    return access_->Publish(**writer, access::LocalCaller(), blob);
  }

  void AddJob() {
    v1::JobSpec spec;
    *spec.mutable_build()->mutable_model() = RefTo("model");
    *spec.mutable_build()->mutable_calibration() = RefTo("images");
    v1::JobResult result;
    *result.mutable_artifact() = RefTo("artifact");
    *result.mutable_report() = RefTo("report");
    ASSERT_OK_AND_ASSIGN(const auto database,
                         storage::Database::Open(folder_ / "joinery.db", storage::Durability::kProcessCrash, ""));
    static constexpr char kInsert[] =
        "INSERT INTO jobs (id, request_id, spec, result, state, created_at, finished_at) "
        "VALUES ('job1', 'r', :spec, :result, 'succeeded', 1, 2)";
    ASSERT_OK_AND_ASSIGN(const auto statement, database->Prepare(kInsert));
    ASSERT_THAT(
        statement->BindBlob(":spec", spec.SerializeAsString()).BindBlob(":result", result.SerializeAsString()).Run(),
        joinery::testing::IsOk());
  }

  std::string PathOf(const std::string& bytes) const {
    const std::string digest = base::Sha256(bytes);
    return folder_ / ("blobs/" + digest.substr(0, 2) + "/" + digest);
  }

  // As if it had last been used so long ago.
  void Age(const std::string& bytes, std::chrono::hours age) {
    std::filesystem::last_write_time(PathOf(bytes), std::filesystem::file_time_type::clock::now() - age);
  }

  bool Has(const std::string& bytes) const { return std::filesystem::exists(PathOf(bytes)); }

  joinery::testing::TemporaryFolder folder_;
  joinery::testing::FaultyFileSystem file_system_;
  base::RealClock clock_;
  std::unique_ptr<storage::LocalBlobStore> blobs_;
  std::unique_ptr<storage::SqliteBlobOwners> owners_;
  std::unique_ptr<BlobAccess> access_;
};

}  // namespace joinery::server
