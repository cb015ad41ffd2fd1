#include "client/session.h"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "client/error.h"
#include "tests/client/fake_server.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::client {
namespace {

using ::joinery::testing::FakeServer;
using ::joinery::testing::IsOk;
using ::joinery::testing::IsOkAndHolds;
using ::joinery::testing::StatusIs;
using ::joinery::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

void Ignore(int64_t /*done*/, int64_t /*total*/) {}

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() {
    SessionOptions options;
    options.server = server_.address();
    options.backoff = {absl::Milliseconds(1), absl::Milliseconds(2), 4};
    options.random = [this] { return ++random_; };
    options.interruption = &interruption_;
    auto session = Session::Connect(options);
    EXPECT_THAT(session, IsOk());
    session_ = *std::move(session);
  }

  int CountFiles() const {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_.path())) ++count;
    return count;
  }

  uint64_t random_ = 0;
  TemporaryFolder folder_;
  Interruption interruption_;
  FakeServer server_;
  std::unique_ptr<Session> session_;
};

TEST_F(SessionTest, UploadsInChunks) {
  const std::string bytes(2'500'000, 'x');
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "m", bytes), IsOk());
  const FileSource source(folder_ / "m");
  ASSERT_OK_AND_ASSIGN(const v1::BlobRef blob, Identify(source, [](absl::string_view) { return absl::OkStatus(); }));
  int64_t last = 0;
  EXPECT_THAT(session_->Upload(source, blob, [&](int64_t done, int64_t) { last = done; }), IsOk());
  EXPECT_EQ(last, 2'500'000);
  EXPECT_TRUE(server_.state().blobs[blob.digest()] == bytes);
}

TEST_F(SessionTest, F21_ADroppedUploadGoesOnWhereItEnded) {
  std::string bytes(5 << 20, 'x');
  bytes.back() = 'y';
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "m", bytes), IsOk());
  const FileSource source(folder_ / "m");
  ASSERT_OK_AND_ASSIGN(const v1::BlobRef blob, Identify(source, [](absl::string_view) { return absl::OkStatus(); }));
  server_.state().drop_uploads = 2;
  int64_t last = 0;
  EXPECT_THAT(session_->Upload(source, blob, [&](int64_t done, int64_t) { last = done; }), IsOk());
  EXPECT_EQ(last, 5 << 20);
  EXPECT_THAT(server_.state().upload_offsets, ElementsAre(0, 2 << 20, 4 << 20));
  EXPECT_TRUE(server_.state().blobs[blob.digest()] == bytes);
  // Its answer was lost, say: nothing is sent again.
  EXPECT_THAT(session_->Upload(source, blob, Ignore), IsOk());
  EXPECT_THAT(server_.state().upload_offsets, SizeIs(3));
}

TEST_F(SessionTest, F21_AnUploadGoesOnAtAnyByte) {
  const std::string bytes(2'500'000, 'x');
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "m", bytes), IsOk());
  const FileSource source(folder_ / "m");
  ASSERT_OK_AND_ASSIGN(const v1::BlobRef blob, Identify(source, [](absl::string_view) { return absl::OkStatus(); }));
  for (const int kept : {1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2'499'999, 2'500'000}) {
    server_.state().blobs.clear();
    server_.state().partial[blob.digest()] = bytes.substr(0, static_cast<size_t>(kept));
    EXPECT_THAT(session_->Upload(source, blob, Ignore), IsOk()) << kept;
    EXPECT_TRUE(server_.state().blobs[blob.digest()] == bytes) << kept;
    if (kept < 2'500'000) {
      EXPECT_EQ(server_.state().upload_offsets.back(), kept);
    }
  }
}

TEST_F(SessionTest, U01_AnOlderServerGetsTheWholeUploadAgain) {
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "m", std::string(3 << 20, 'x')), IsOk());
  const FileSource source(folder_ / "m");
  ASSERT_OK_AND_ASSIGN(const v1::BlobRef blob, Identify(source, [](absl::string_view) { return absl::OkStatus(); }));
  server_.state().forget_uploads = true;
  server_.state().drop_uploads = 1;
  EXPECT_THAT(session_->Upload(source, blob, Ignore), IsOk());
  EXPECT_THAT(server_.state().upload_offsets, ElementsAre(0, 0));
}

TEST_F(SessionTest, AFileThatChangedMeanwhileIsNotStored) {
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "m", "before"), IsOk());
  const FileSource source(folder_ / "m");
  ASSERT_OK_AND_ASSIGN(const v1::BlobRef blob, Identify(source, [](absl::string_view) { return absl::OkStatus(); }));
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "m", "after!"), IsOk());
  const absl::Status status = session_->Upload(source, blob, Ignore);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, HasSubstr("uploading")));
  EXPECT_THAT(Describe(status).fix, HasSubstr("changed meanwhile"));
}

TEST_F(SessionTest, ADroppedDownloadGoesOnWhereItEnded) {
  const v1::BlobRef blob = server_.AddBlob(std::string(3500, 'y'));
  server_.state().drop_downloads = 2;
  EXPECT_THAT(session_->Download(blob, folder_ / "out", Ignore), IsOk());
  EXPECT_THAT(base::ReadFile(folder_ / "out", 10'000), IsOkAndHolds(std::string(3500, 'y')));
  EXPECT_THAT(server_.state().download_offsets, ElementsAre(0, 1000, 2000));
}

TEST_F(SessionTest, ADamagedDownloadLeavesTheOldFileAndNothingElse) {
  const v1::BlobRef blob = server_.AddBlob(std::string(3500, 'y'));
  server_.state().damage_downloads = true;
  ASSERT_THAT(base::WriteFileAtomically(folder_ / "out", "old"), IsOk());
  EXPECT_THAT(session_->Download(blob, folder_ / "out", Ignore),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("not the announced")));
  EXPECT_THAT(base::ReadFile(folder_ / "out", 10), IsOkAndHolds("old"));
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(SessionTest, MoreBytesThanAnnouncedAreRefused) {
  v1::BlobRef blob = server_.AddBlob(std::string(3500, 'y'));
  blob.set_size(1500);
  EXPECT_THAT(session_->Download(blob, folder_ / "out", Ignore),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("more than the announced 1500")));
  EXPECT_EQ(CountFiles(), 0);
}

TEST_F(SessionTest, ASubmissionIsRepeatedWithTheSameRequestId) {
  server_.state().lose_submissions = 2;
  ASSERT_THAT(session_->CreateJob({}, {}), IsOk());
  const std::vector<std::string>& ids = server_.state().request_ids;
  ASSERT_THAT(ids, SizeIs(3));
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(ids[0], ids[2]);
  ASSERT_THAT(session_->CreateJob({}, {}), IsOk());
  EXPECT_NE(ids.back(), ids[0]);
}

TEST_F(SessionTest, ASubmissionThatIsNeverAnsweredIsGivenUp) {
  server_.state().lose_submissions = 1000;
  EXPECT_THAT(session_->CreateJob({}, {}), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("submitting the job")));
  EXPECT_THAT(server_.state().request_ids, SizeIs(5));
}

TEST_F(SessionTest, F23_ADroppedWatchGoesOnAfterTheLastEvent) {
  v1::Job job;
  job.set_id("job-1");
  job.set_state(v1::JOB_STATE_SUCCEEDED);
  server_.AddJob(job);
  server_.state().drop_watches = 2;
  std::vector<int64_t> seen;
  const auto final_job = session_->Watch("job-1", 0, absl::InfiniteFuture(), [&](const v1::JobEvent& event) {
    seen.push_back(event.sequence());
    return absl::OkStatus();
  });
  ASSERT_THAT(final_job, IsOk());
  EXPECT_EQ(final_job->state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(server_.state().watch_sequences, ElementsAre(0, 1, 2));
}

TEST_F(SessionTest, AnInterruptionEndsAWatch) {
  v1::Job job;
  job.set_id("job-1");
  job.set_state(v1::JOB_STATE_RUNNING);
  server_.AddJob(job);
  const auto result = session_->Watch("job-1", 0, absl::InfiniteFuture(), [&](const v1::JobEvent& event) {
    if (event.sequence() == 3) interruption_.Trigger(2);
    return absl::OkStatus();
  });
  EXPECT_EQ(OriginOf(result.status()), Origin::kInterrupted);
}

TEST_F(SessionTest, NobodyListeningIsToldAtOnce) {
  SessionOptions options;
  options.server = "127.0.0.1:1";
  options.interruption = &interruption_;
  const auto session = Session::Connect(options);
  EXPECT_THAT(session, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("127.0.0.1:1")));
  EXPECT_THAT(Describe(session.status()).fix, HasSubstr("--server"));
}

}  // namespace
}  // namespace joinery::client
