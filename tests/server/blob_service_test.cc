#include "server/blob_service.h"

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/server/server_fixture.h"

namespace joinery::server {
namespace {

using ::testing::HasSubstr;

v1::UploadBlobRequest Header(const std::string& digest, int64_t size) {
  v1::UploadBlobRequest request;
  request.mutable_header()->set_digest(digest);
  request.mutable_header()->set_size(size);
  return request;
}

v1::UploadBlobRequest Chunk(int64_t offset, const std::string& data) {
  v1::UploadBlobRequest request;
  request.mutable_chunk()->set_offset(offset);
  request.mutable_chunk()->set_data(data);
  return request;
}

class BlobServiceTest : public ServerTest {
 protected:
  grpc::Status Upload(const std::vector<v1::UploadBlobRequest>& messages) {
    grpc::ClientContext context;
    v1::UploadBlobResponse response;
    const auto writer = blob_stub_->UploadBlob(&context, &response);
    for (const v1::UploadBlobRequest& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return writer->Finish();
  }

  grpc::Status Download(const std::string& digest, int64_t offset, std::string* bytes, int64_t* size) {
    grpc::ClientContext context;
    v1::DownloadBlobRequest request;
    request.set_digest(digest);
    request.set_offset(offset);
    const auto reader = blob_stub_->DownloadBlob(&context, request);
    v1::DownloadBlobResponse response;
    while (reader->Read(&response)) {
      if (response.size() != 0) *size = response.size();
      *bytes += response.data();
    }
    return reader->Finish();
  }

  v1::Upload GetUpload(const std::string& digest) {
    grpc::ClientContext context;
    v1::GetUploadRequest request;
    request.set_digest(digest);
    v1::Upload upload;
    EXPECT_THAT(blob_stub_->GetUpload(&context, request, &upload), IsGrpcOk());
    return upload;
  }

  // An upload whose client goes away after `bytes`. Returns once the server has them and knows.
  void BreakOff(const std::string& digest, int64_t size, const std::string& bytes) {
    grpc::ClientContext context;
    v1::UploadBlobResponse response;
    const auto writer = blob_stub_->UploadBlob(&context, &response);
    ASSERT_TRUE(writer->Write(Header(digest, size)));
    ASSERT_TRUE(writer->Write(Chunk(0, bytes)));
    while (GetUpload(digest).received() < static_cast<int64_t>(bytes.size())) absl::SleepFor(absl::Milliseconds(1));
    context.TryCancel();
    EXPECT_THAT(writer->Finish(), IsGrpcError(grpc::StatusCode::CANCELLED, ::testing::_));
  }

  int64_t CountBlobs() { return blobs_.GetStatistics()->count; }
};

TEST_F(BlobServiceTest, WhatWasUploadedIsNoLongerMissing) {
  const std::string digest = base::Sha256("abcdef");
  v1::FindMissingBlobsRequest request;
  for (const std::string& asked : {base::Sha256("x"), digest, base::Sha256("x")}) request.add_digests(asked);
  v1::FindMissingBlobsResponse response;
  grpc::ClientContext before;
  ASSERT_THAT(blob_stub_->FindMissingBlobs(&before, request, &response), IsGrpcOk());
  EXPECT_THAT(response.digests(), ::testing::ElementsAre(base::Sha256("x"), digest));

  ASSERT_THAT(Upload({Header(digest, 6), Chunk(0, "abc"), Chunk(3, "def")}), IsGrpcOk());
  grpc::ClientContext after;
  ASSERT_THAT(blob_stub_->FindMissingBlobs(&after, request, &response), IsGrpcOk());
  EXPECT_THAT(response.digests(), ::testing::ElementsAre(base::Sha256("x")));
}

TEST_F(BlobServiceTest, EmptyBlobsCanBeUploadedAndDownloaded) {
  ASSERT_THAT(Upload({Header(base::Sha256(""), 0)}), IsGrpcOk());
  std::string bytes;
  int64_t size = 0;
  EXPECT_THAT(Download(base::Sha256(""), 0, &bytes, &size), IsGrpcOk());
  EXPECT_EQ(bytes, "");
}

TEST_F(BlobServiceTest, WrongUploadsAreRefusedAndLeaveNothing) {
  const std::string digest = base::Sha256("abcdef");
  const struct {
    std::vector<v1::UploadBlobRequest> messages;
    grpc::StatusCode code;
    const char* message;
  } cases[] = {
      {{}, grpc::StatusCode::INVALID_ARGUMENT, "header"},
      {{Chunk(0, "abc")}, grpc::StatusCode::INVALID_ARGUMENT, "header"},
      {{Header("../../x", 6)}, grpc::StatusCode::INVALID_ARGUMENT, "digest"},
      {{Header(digest, -1)}, grpc::StatusCode::INVALID_ARGUMENT, "negative"},
      {{Header(digest, 6), Header(digest, 6)}, grpc::StatusCode::INVALID_ARGUMENT, "only chunks"},
      {{Header(digest, 6), Chunk(0, "")}, grpc::StatusCode::INVALID_ARGUMENT, "0 bytes"},
      {{Header(digest, 4 << 20), Chunk(0, std::string((2 << 20) + 1, 'x'))},
       grpc::StatusCode::INVALID_ARGUMENT,
       "2097153 bytes"},
      {{Header(digest, 6), Chunk(0, "abc"), Chunk(4, "ef")}, grpc::StatusCode::OUT_OF_RANGE, "ended at 3"},
      {{Header(digest, 6), Chunk(-1, "abc")}, grpc::StatusCode::OUT_OF_RANGE, "begins at -1"},
      {{Header(digest, 6), Chunk(4, "ef")}, grpc::StatusCode::OUT_OF_RANGE, "the server has 3 bytes"},
      {{Header(digest, 6), Chunk(0, "abcdefg")}, grpc::StatusCode::OUT_OF_RANGE, "6 announced"},
      {{Header(base::Sha256("x"), 6), Chunk(0, "abcdeX")}, grpc::StatusCode::DATA_LOSS, "digest"},
      {{Header(base::Sha256("y"), 6), Chunk(0, "abc")}, grpc::StatusCode::DATA_LOSS, "too few"},
      {{Header(digest, kMaxBlobBytes + 1)}, grpc::StatusCode::RESOURCE_EXHAUSTED, "--max-blob-size"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Upload(c.messages), IsGrpcError(c.code, HasSubstr(c.message)));
    EXPECT_EQ(CountBlobs(), 0) << c.message;
  }
}

TEST_F(BlobServiceTest, F05_AnUploadForWhichThereIsNoRoomIsRefused) {
  blobs_.SetFreeBytes((64 << 20) + 5);
  EXPECT_THAT(Upload({Header(base::Sha256("abcdef"), 6), Chunk(0, "abcdef")}),
              IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED, HasSubstr("no room for 6 bytes")));
  blobs_.SetFreeBytes((64 << 20) + 6);
  EXPECT_THAT(Upload({Header(base::Sha256("abcdef"), 6), Chunk(0, "abcdef")}), IsGrpcOk());
}

TEST_F(BlobServiceTest, RunningUploadsAreNotPromisedTheSameRoom) {
  blobs_.SetFreeBytes((64 << 20) + 10);
  grpc::ClientContext context;
  v1::UploadBlobResponse response;
  const auto writer = blob_stub_->UploadBlob(&context, &response);
  ASSERT_TRUE(writer->Write(Header(base::Sha256("abcdef"), 6)));
  ASSERT_TRUE(writer->Write(Chunk(0, "a")));
  while (GetUpload(base::Sha256("abcdef")).received() == 0) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(Upload({Header(base::Sha256("ghijkl"), 6), Chunk(0, "ghijkl")}),
              IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED, HasSubstr("running uploads will need 5")));
  // The same blob needs its room only once.
  EXPECT_THAT(Upload({Header(base::Sha256("abcdef"), 6), Chunk(0, "abcdef")}), IsGrpcOk());
  EXPECT_THAT(Upload({Header(base::Sha256("ghijkl"), 6), Chunk(0, "ghijkl")}), IsGrpcOk());
  writer->WritesDone();
  EXPECT_THAT(writer->Finish(), IsGrpcOk());
}

TEST_F(BlobServiceTest, C05_AProjectHasNoMoreThanItsShare) {
  Restart({.max_blob_bytes = 100, .max_project_bytes = 10});
  BreakOff(base::Sha256("abcdef"), 6, "abcd");
  EXPECT_THAT(Upload({Header(base::Sha256("ghijklm"), 7), Chunk(0, "ghijklm")}),
              IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED,
                          HasSubstr("project default may have 10 bytes and has 0 in blobs")));
  // Going on with what it has is not counted twice.
  EXPECT_THAT(Upload({Header(base::Sha256("abcdef"), 6), Chunk(4, "ef")}), IsGrpcOk());
  EXPECT_THAT(Upload({Header(base::Sha256("ghijk"), 5), Chunk(0, "ghijk")}),
              IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED, HasSubstr("has 6 in blobs and 0 in")));
  EXPECT_THAT(Upload({Header(base::Sha256("ghij"), 4), Chunk(0, "ghij")}), IsGrpcOk());
  // What it has already costs nothing.
  EXPECT_THAT(Upload({Header(base::Sha256("abcdef"), 6)}), IsGrpcOk());
}

TEST_F(BlobServiceTest, C05_AChangedQuotaOfBytesHoldsAtOnceForUsersAndProjects) {
  Restart({.max_blob_bytes = 100, .max_project_bytes = 10});
  const auto limit = [&](storage::LimitKind kind, const std::string& name, int64_t bytes) {
    EXPECT_THAT(accounts_->SetLimits({kind, name}, {.blob_bytes = bytes}, {}), joinery::testing::IsOk());
  };
  limit(storage::LimitKind::kProject, "default", 20);
  EXPECT_THAT(Upload({Header(base::Sha256("abcdefghijkl"), 12), Chunk(0, "abcdefghijkl")}), IsGrpcOk());
  limit(storage::LimitKind::kUser, "*", 15);
  EXPECT_THAT(Upload({Header(base::Sha256("1234"), 4), Chunk(0, "1234")}),
              IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED,
                          HasSubstr("no room for 4 bytes: user local may have 15 bytes and has 12 in blobs")));
  limit(storage::LimitKind::kUser, "local", 17);
  EXPECT_THAT(Upload({Header(base::Sha256("1234"), 4), Chunk(0, "1234")}), IsGrpcOk());
  limit(storage::LimitKind::kUser, "local", 100);
  EXPECT_THAT(Upload({Header(base::Sha256("56789"), 5), Chunk(0, "56789")}),
              IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED,
                          HasSubstr("project default may have 20 bytes and has 16 in blobs")));
}

TEST_F(BlobServiceTest, C05_UploadsThatBrokeOffCountForTheUserWhoBeganThem) {
  ASSERT_THAT(accounts_->SetLimits({storage::LimitKind::kUser, "local"}, {.blob_bytes = 10}, {}),
              joinery::testing::IsOk());
  BreakOff(base::Sha256("abcdefgh"), 8, "abcdef");
  const auto refused = [&] {
    return ::testing::AllOf(
        IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED, HasSubstr("user local may have 10 bytes and has 0 in blobs")),
        IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED, HasSubstr("and 6 in unfinished uploads")));
  };
  const auto is_refused = [&] {
    return ::testing::Value(Upload({Header(base::Sha256("12345"), 5), Chunk(0, "12345")}), refused());
  };
  // The server hears of the broken connection a little later than the client.
  for (int i = 0; i < 1000 && !is_refused(); ++i) absl::SleepFor(absl::Milliseconds(10));
  EXPECT_TRUE(is_refused());
  // Going on with it is not counted twice, and frees what it took.
  EXPECT_THAT(Upload({Header(base::Sha256("abcdefgh"), 8), Chunk(6, "gh")}), IsGrpcOk());
  EXPECT_THAT(Upload({Header(base::Sha256("123"), 3), Chunk(0, "123")}),
              IsGrpcError(grpc::StatusCode::RESOURCE_EXHAUSTED, HasSubstr("has 8 in blobs and 0 in unfinished")));
  EXPECT_THAT(Upload({Header(base::Sha256("12"), 2), Chunk(0, "12")}), IsGrpcOk());
}

TEST_F(BlobServiceTest, F21_AnUploadGoesOnAtAnyByteThatTheServerHas) {
  for (size_t kept = 1; kept < 6; ++kept) {
    const std::string bytes = absl::StrCat(kept, "bcdef");
    const std::string digest = base::Sha256(bytes);
    BreakOff(digest, 6, bytes.substr(0, kept));
    EXPECT_EQ(GetUpload(digest).received(), static_cast<int64_t>(kept));
    EXPECT_FALSE(GetUpload(digest).complete());
    const size_t from = kept - kept % 2;
    EXPECT_THAT(Upload({Header(digest, 6), Chunk(static_cast<int64_t>(from), bytes.substr(from))}), IsGrpcOk());
    EXPECT_EQ(GetUpload(digest).received(), 6);
    EXPECT_TRUE(GetUpload(digest).complete());
  }
}

TEST_F(BlobServiceTest, F26_AnUploadThatIsSentAgainIsAnsweredAlikeWithoutItsBytes) {
  const std::string digest = base::Sha256("abcdef");
  EXPECT_THAT(Upload({Header(digest, 6), Chunk(0, "abcdef")}), IsGrpcOk());
  EXPECT_THAT(Upload({Header(digest, 6), Chunk(0, "abcdef")}), IsGrpcOk());
  EXPECT_THAT(Upload({Header(digest, 6)}), IsGrpcOk());
  EXPECT_EQ(CountBlobs(), 1);
}

TEST_F(BlobServiceTest, UploadsOfOneBlobAtATimeEndAsOne) {
  const std::string digest = base::Sha256("abcdef");
  grpc::ClientContext slow_context;
  v1::UploadBlobResponse response;
  const auto slow = blob_stub_->UploadBlob(&slow_context, &response);
  ASSERT_TRUE(slow->Write(Header(digest, 6)));
  ASSERT_TRUE(slow->Write(Chunk(0, "ab")));
  while (GetUpload(digest).received() < 2) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_THAT(Upload({Header(digest, 6), Chunk(0, "abcdef")}), IsGrpcOk());
  slow->Write(Chunk(2, "cd"));  // The answer may be under way.
  EXPECT_THAT(slow->Finish(), IsGrpcOk());
  EXPECT_EQ(response.blob().digest(), digest);
  EXPECT_EQ(CountBlobs(), 1);
}

TEST_F(BlobServiceTest, WrongBytesOfAnEarlierUploadCostOnlyTheTimeToBeginAnew) {
  const std::string digest = base::Sha256("abcdef");
  BreakOff(digest, 6, "xyz");
  EXPECT_THAT(Upload({Header(digest, 6), Chunk(3, "def")}), IsGrpcError(grpc::StatusCode::UNAVAILABLE, ::testing::_));
  EXPECT_EQ(GetUpload(digest).received(), 0);
  EXPECT_THAT(Upload({Header(digest, 6), Chunk(0, "abcdef")}), IsGrpcOk());
}

TEST_F(BlobServiceTest, AClientThatGoesAwayHalfWayLeavesNoBlob) {
  // All bytes were sent, but the client never said that it was done.
  for (const char* sent : {"abc", "abcdef"}) BreakOff(base::Sha256("abcdef"), 6, sent);
  server_->Shutdown(absl::Seconds(5));  // All handlers are done now.
  EXPECT_EQ(CountBlobs(), 0);
}

// The bytes of another project are as good as missing, however they are asked for.
TEST_F(BlobServiceTest, KnowingADigestGivesNoAccess) {
  authenticator_.Be({.user = "ann", .project = "red", .may_submit = true});
  const std::string digest = base::Sha256("secret");
  ASSERT_THAT(Upload({Header(digest, 6), Chunk(0, "secret")}), IsGrpcOk());
  ASSERT_EQ(CountBlobs(), 1);

  authenticator_.Be({.user = "bob", .project = "blue", .may_submit = true});
  v1::FindMissingBlobsRequest request;
  request.add_digests(digest);
  v1::FindMissingBlobsResponse response;
  grpc::ClientContext context;
  ASSERT_THAT(blob_stub_->FindMissingBlobs(&context, request, &response), IsGrpcOk());
  EXPECT_THAT(response.digests(), ::testing::ElementsAre(digest));
  EXPECT_FALSE(GetUpload(digest).complete());
  EXPECT_EQ(GetUpload(digest).received(), 0);
  std::string bytes;
  int64_t size = 0;
  EXPECT_THAT(Download(digest, 0, &bytes, &size), IsGrpcError(grpc::StatusCode::NOT_FOUND, HasSubstr(digest)));
  // Its name and size alone do not make it his.
  EXPECT_THAT(Upload({Header(digest, 6)}), IsGrpcError(grpc::StatusCode::DATA_LOSS, ::testing::_));
  EXPECT_THAT(Download(digest, 0, &bytes, &size), IsGrpcError(grpc::StatusCode::NOT_FOUND, HasSubstr(digest)));
  // Its bytes do.
  EXPECT_THAT(Upload({Header(digest, 6), Chunk(0, "secret")}), IsGrpcOk());
  EXPECT_THAT(Download(digest, 0, &bytes, &size), IsGrpcOk());
  EXPECT_EQ(bytes, "secret");
  EXPECT_EQ(CountBlobs(), 1);
}

TEST_F(BlobServiceTest, WorkersReadAllBlobsAndOwnNone) {
  authenticator_.Be({.user = "ann", .project = "red", .may_submit = true});
  const std::string digest = base::Sha256("input");
  ASSERT_THAT(Upload({Header(digest, 5), Chunk(0, "input")}), IsGrpcOk());
  authenticator_.Be({.user = "w", .project = "workers", .may_work = true});
  std::string bytes;
  int64_t size = 0;
  EXPECT_THAT(Download(digest, 0, &bytes, &size), IsGrpcOk());
  EXPECT_TRUE(GetUpload(digest).complete());
  ASSERT_THAT(Upload({Header(base::Sha256("output"), 6), Chunk(0, "output")}), IsGrpcOk());
  EXPECT_EQ(owners_->UsageOf("workers")->blobs, 0);
  EXPECT_EQ(owners_->UsageOf("red")->bytes, 5);
}

TEST_F(BlobServiceTest, AJobOfAnotherProjectsBlobIsRefusedAndItsResultIsItsProjects) {
  const access::Caller ann = {.user = "ann", .project = "red", .may_submit = true};
  const access::Caller bob = {.user = "bob", .project = "blue", .may_submit = true};
  const access::Caller worker = {.user = "w", .project = "workers", .may_work = true};
  v1::CreateJobRequest request;
  request.set_request_id("request");
  for (v1::BlobRef* blob : {request.mutable_spec()->mutable_build()->mutable_model(),
                            request.mutable_spec()->mutable_build()->mutable_calibration()}) {
    blob->set_digest(base::Sha256("secret"));
    blob->set_size(6);
  }
  authenticator_.Be(ann);
  ASSERT_THAT(Upload({Header(base::Sha256("secret"), 6), Chunk(0, "secret")}), IsGrpcOk());
  authenticator_.Be(bob);
  v1::Job job;
  EXPECT_THAT(Create(request, &job),
              IsGrpcError(grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("is missing; upload it")));
  authenticator_.Be(ann);
  ASSERT_THAT(Create(request, &job), IsGrpcOk());

  authenticator_.Be(worker);
  v1::FinishJobRequest finish;
  finish.set_token(Lease().token());
  const std::string artifact = base::Sha256("artifact");
  for (v1::BlobRef* blob : {finish.mutable_result()->mutable_artifact(), finish.mutable_result()->mutable_report()}) {
    blob->set_digest(artifact);
    blob->set_size(8);
  }
  ASSERT_THAT(Upload({Header(artifact, 8), Chunk(0, "artifact")}), IsGrpcOk());
  ASSERT_THAT(Finish(finish), IsGrpcOk());
  std::string bytes;
  int64_t size = 0;
  authenticator_.Be(bob);
  EXPECT_THAT(Download(artifact, 0, &bytes, &size), IsGrpcError(grpc::StatusCode::NOT_FOUND, ::testing::_));
  authenticator_.Be(ann);
  EXPECT_THAT(Download(artifact, 0, &bytes, &size), IsGrpcOk());
  EXPECT_EQ(bytes, "artifact");
  EXPECT_EQ(owners_->UsageOf("red")->bytes, 14);
}

TEST_F(BlobServiceTest, DownloadsFromAnyOffset) {
  std::string bytes(2'500'000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 >> 8);
  const std::string digest = blobs_.Put(bytes);
  for (const int64_t offset : {0, 1, 1 << 20, (1 << 20) + 7, 2'499'999, 2'500'000}) {
    std::string received;
    int64_t size = 0;
    EXPECT_THAT(Download(digest, offset, &received, &size), IsGrpcOk());
    EXPECT_TRUE(received == bytes.substr(static_cast<size_t>(offset))) << offset;
    EXPECT_EQ(size, 2'500'000);
  }
}

// Of a blob that is long enough for checkpoints.
class LongDownloadTest : public BlobServiceTest {
 protected:
  static constexpr int64_t kSize = 20 << 20;

  void SetUp() override {
    BlobServiceTest::SetUp();
    for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] = static_cast<char>(i * 31 >> 8);
    digest_ = blobs_.Put(bytes_);
  }

  // All of it, as somebody has before.
  void DownloadAll() {
    std::string received;
    int64_t size = 0;
    ASSERT_THAT(Download(digest_, 0, &received, &size), IsGrpcOk());
    ASSERT_TRUE(received == bytes_);
  }

  std::string bytes_ = std::string(kSize, '\0');
  std::string digest_;
};

TEST_F(LongDownloadTest, GoingOnReadsLittleOfWhatCameBefore) {
  DownloadAll();
  for (const int64_t offset : {int64_t{8} << 20, int64_t{10} << 20, kSize - 1, kSize}) {
    const int64_t read_before = blobs_.bytes_read();
    std::string received;
    int64_t size = 0;
    EXPECT_THAT(Download(digest_, offset, &received, &size), IsGrpcOk());
    EXPECT_TRUE(received == bytes_.substr(static_cast<size_t>(offset))) << offset;
    EXPECT_EQ(size, kSize);
    EXPECT_LE(blobs_.bytes_read() - read_before, kSize - offset + HashCheckpoints::kSpacing);
  }
}

TEST_F(LongDownloadTest, F34_DamageSinceTheFirstDownloadIsNotServedWhole) {
  DownloadAll();
  blobs_.DamageAt(digest_, 18 << 20);
  std::string received;
  int64_t size = 0;
  EXPECT_THAT(Download(digest_, 17 << 20, &received, &size),
              IsGrpcError(grpc::StatusCode::DATA_LOSS, HasSubstr("damaged")));
  EXPECT_LT(received.size(), size_t{3} << 20);
  EXPECT_THAT(Download(digest_, 0, &received, &size), IsGrpcError(grpc::StatusCode::NOT_FOUND, ::testing::_));
}

// As when memory, not the disk, was wrong for a moment.
TEST_F(LongDownloadTest, F34_BytesThatWereReadWronglyOnceTakeNoBlobOutOfService) {
  // So long that the server cannot have sent all of it, and found the damage, before the client goes away.
  bytes_.resize(64 << 20, 'x');
  digest_ = blobs_.Put(bytes_);
  blobs_.DamageAt(digest_, 1 << 20);
  grpc::ClientContext context;
  v1::DownloadBlobRequest request;
  request.set_digest(digest_);
  const auto reader = blob_stub_->DownloadBlob(&context, request);
  v1::DownloadBlobResponse response;
  int64_t got = 0;
  while (got < 17 << 20 && reader->Read(&response)) got += static_cast<int64_t>(response.data().size());
  context.TryCancel();
  EXPECT_THAT(reader->Finish(), IsGrpcError(grpc::StatusCode::CANCELLED, ::testing::_));
  blobs_.DamageAt(digest_, 1 << 20);  // Right again.

  std::string received;
  int64_t size = 0;
  EXPECT_THAT(Download(digest_, 17 << 20, &received, &size),
              IsGrpcError(grpc::StatusCode::UNAVAILABLE, HasSubstr("ask for it again")));
  received.clear();
  EXPECT_THAT(Download(digest_, 17 << 20, &received, &size), IsGrpcOk());
  EXPECT_TRUE(received == bytes_.substr(17 << 20));
}

TEST_F(BlobServiceTest, DownloadsThatCannotBeAreRefused) {
  const std::string digest = blobs_.Put("abcdef");
  std::string bytes;
  int64_t size = 0;
  EXPECT_THAT(Download(base::Sha256("x"), 0, &bytes, &size), IsGrpcError(grpc::StatusCode::NOT_FOUND, HasSubstr("")));
  EXPECT_THAT(Download("x", 0, &bytes, &size), IsGrpcError(grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("digest")));
  EXPECT_THAT(Download(digest, 7, &bytes, &size), IsGrpcError(grpc::StatusCode::OUT_OF_RANGE, HasSubstr("offset 7")));
  EXPECT_THAT(Download(digest, -1, &bytes, &size), IsGrpcError(grpc::StatusCode::OUT_OF_RANGE, HasSubstr("-1")));
  EXPECT_EQ(bytes, "");
}

TEST_F(BlobServiceTest, F34_DamagedBlobIsNeverServedAndCanBeUploadedAgain) {
  const std::string digest = blobs_.Put("abcdef");
  blobs_.Damage(digest);
  std::string bytes;
  int64_t size = 0;
  EXPECT_THAT(Download(digest, 0, &bytes, &size), IsGrpcError(grpc::StatusCode::DATA_LOSS, HasSubstr(digest)));
  EXPECT_EQ(bytes, "");
  EXPECT_THAT(Download(digest, 0, &bytes, &size), IsGrpcError(grpc::StatusCode::NOT_FOUND, HasSubstr(digest)));
  EXPECT_THAT(Upload({Header(digest, 6), Chunk(0, "abcdef")}), IsGrpcOk());
  EXPECT_THAT(Download(digest, 0, &bytes, &size), IsGrpcOk());
  EXPECT_EQ(bytes, "abcdef");
}

TEST_F(BlobServiceTest, AsksForTooManyBlobsAreRefused) {
  v1::FindMissingBlobsRequest request;
  for (int i = 0; i < 1001; ++i) request.add_digests(base::Sha256("x"));
  grpc::ClientContext context;
  v1::FindMissingBlobsResponse response;
  EXPECT_THAT(blob_stub_->FindMissingBlobs(&context, request, &response),
              IsGrpcError(grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("1000")));
}

}  // namespace
}  // namespace joinery::server
