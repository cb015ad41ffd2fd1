#include "worker/blob_transfer.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/digest.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::worker {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::_;
using ::testing::ElementsAre;

// Keeps what it got of uploads; breaks so many off after their first chunk.
class KeepingServer : public v1::BlobService::Service {
 public:
  explicit KeepingServer(int drops) : drops_(drops) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    stub_ = v1::BlobService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  }
  ~KeepingServer() override { server_->Shutdown(); }
  KeepingServer(const KeepingServer&) = delete;
  KeepingServer& operator=(const KeepingServer&) = delete;

  v1::BlobService::Stub& stub() { return *stub_; }
  std::string bytes(const std::string& digest) {
    const absl::MutexLock lock(&mutex_);
    return bytes_[digest];
  }
  std::vector<int64_t> offsets() {
    const absl::MutexLock lock(&mutex_);
    return offsets_;
  }

  grpc::Status FindMissingBlobs(grpc::ServerContext* /*context*/, const v1::FindMissingBlobsRequest* request,
                                v1::FindMissingBlobsResponse* response) override {
    *response->mutable_digests() = request->digests();
    return grpc::Status::OK;
  }

  grpc::Status GetUpload(grpc::ServerContext* /*context*/, const v1::GetUploadRequest* request,
                         v1::Upload* response) override {
    const std::string kept = bytes(request->digest());
    response->set_received(static_cast<int64_t>(kept.size()));
    response->set_complete(base::Sha256(kept) == request->digest());
    return grpc::Status::OK;
  }

  grpc::Status UploadBlob(grpc::ServerContext* /*context*/, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                          v1::UploadBlobResponse* response) override {
    v1::UploadBlobRequest request;
    reader->Read(&request);
    *response->mutable_blob() = request.header();
    const absl::MutexLock lock(&mutex_);
    std::string& kept = bytes_[response->blob().digest()];
    while (reader->Read(&request)) {
      offsets_.push_back(request.chunk().offset());
      if (request.chunk().offset() != static_cast<int64_t>(kept.size())) return {grpc::StatusCode::OUT_OF_RANGE, ""};
      kept += request.chunk().data();
      if (drops_-- > 0) return {grpc::StatusCode::UNAVAILABLE, "dropped"};
    }
    return grpc::Status::OK;
  }

 private:
  absl::Mutex mutex_;
  std::map<std::string, std::string> bytes_ ABSL_GUARDED_BY(mutex_);
  std::vector<int64_t> offsets_ ABSL_GUARDED_BY(mutex_);
  int drops_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::BlobService::Stub> stub_;
};

TEST(BlobTransferTest, F21_ADroppedUploadGoesOnWhereItEnded) {
  const TemporaryFolder folder;
  std::string bytes(2'500'000, 'x');
  bytes.back() = 'y';
  ASSERT_THAT(base::WriteFileAtomically(folder / "artifact", bytes), IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::BlobRef ref, DescribeFile(folder / "artifact"));
  KeepingServer server(/*drops=*/2);
  const std::vector<LocalBlob> files = {{ref, folder / "artifact"}};
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(UploadMissing(server.stub(), files, {}), StatusIs(absl::StatusCode::kUnavailable, _));
  }
  EXPECT_THAT(UploadMissing(server.stub(), files, {}), IsOk());
  EXPECT_THAT(server.offsets(), ElementsAre(0, 1 << 20, 2 << 20));
  EXPECT_TRUE(server.bytes(ref.digest()) == bytes);
  // It is all there: nothing is sent.
  EXPECT_THAT(UploadMissing(server.stub(), files, {}), IsOk());
  EXPECT_EQ(server.offsets().size(), 3);
}

TEST(BlobTransferTest, AStoppedUploadEnds) {
  const TemporaryFolder folder;
  ASSERT_THAT(base::WriteFileAtomically(folder / "artifact", "bytes"), IsOk());
  ASSERT_OK_AND_ASSIGN(const v1::BlobRef ref, DescribeFile(folder / "artifact"));
  KeepingServer server(/*drops=*/0);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(UploadMissing(server.stub(), {{ref, folder / "artifact"}}, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled, _));
}

}  // namespace
}  // namespace joinery::worker
