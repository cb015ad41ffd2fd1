#include "storage/blob_refs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "joinery/v1/jobs.pb.h"
#include "tests/testing/status_matchers.h"

namespace joinery::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> Fields(const google::protobuf::Message& message, const std::string& name) {
  std::vector<std::string> fields;
  EXPECT_THAT(ForEachBlobRef(message, name,
                             [&](const std::string& field, const v1::BlobRef& blob) {
                               fields.push_back(field + "=" + blob.digest());
                               return absl::OkStatus();
                             }),
              joinery::testing::IsOk());
  return fields;
}

TEST(ForEachBlobRefTest, FindsThemWhereverTheyAre) {
  v1::Job job;
  EXPECT_THAT(Fields(job, "job"), IsEmpty());
  job.mutable_spec()->mutable_build()->mutable_model()->set_digest("aa");
  job.mutable_result()->mutable_report()->set_digest("bb");
  EXPECT_THAT(Fields(job, "job"), ElementsAre("job.spec.build.model=aa", "job.result.report=bb"));
  EXPECT_THAT(Fields(job.result(), ""), ElementsAre("report=bb"));
}

TEST(ForEachBlobRefTest, FindsEachOfAList) {
  v1::ListJobsResponse response;
  for (const char* digest : {"aa", "bb"}) response.add_jobs()->mutable_result()->mutable_artifact()->set_digest(digest);
  EXPECT_THAT(Fields(response, ""), ElementsAre("jobs.result.artifact=aa", "jobs.result.artifact=bb"));
}

TEST(ForEachBlobRefTest, AnErrorEndsIt) {
  v1::JobResult result;
  result.mutable_artifact()->set_digest("aa");
  result.mutable_report()->set_digest("bb");
  int calls = 0;
  const absl::Status status =
      ForEachBlobRef(result, "", [&](const std::string& /*field*/, const v1::BlobRef& /*blob*/) {
        ++calls;
        return absl::NotFoundError("gone");
      });
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace joinery::storage
