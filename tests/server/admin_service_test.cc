// AdminService over gRPC, as far as it is more than the Administration behind it.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/server_fixture.h"

namespace joinery::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AdminServiceTest : public ServerTest {
 protected:
  // Answers with the response of a call that must succeed.
  template <typename Response, typename Request>
  Response Call(grpc::Status (v1::AdminService::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request) {
    grpc::ClientContext context;
    Response response;
    EXPECT_THAT((admin_stub_.get()->*method)(&context, request, &response), IsGrpcOk());
    return response;
  }

  v1::ListAuditResponse ListAudit(const v1::ListAuditRequest& request = {}) {
    return Call<v1::ListAuditResponse>(&v1::AdminService::Stub::ListAudit, request);
  }

  void SetDrain(bool drained) {
    v1::SetServerDrainRequest request;
    request.set_drained(drained);
    EXPECT_EQ(Call<v1::SetServerDrainResponse>(&v1::AdminService::Stub::SetServerDrain, request).drained(), drained);
  }
};

TEST_F(AdminServiceTest, WhoAmITellsTheTokenItsEndAndTheUseOfQuotas) {
  access::Caller ann = access::LocalCaller();
  ann.user = "ann";
  ann.token_id = "0123456789abcdef";
  ann.expires_at = clock_.Now() + absl::Hours(1);
  authenticator_.Be(ann);
  ASSERT_THAT(accounts_->SetLimits({storage::LimitKind::kUser, "ann"}, {.queued_jobs = 7}, {}),
              joinery::testing::IsOk());
  Create("r1");
  const auto me = Call<v1::WhoAmIResponse>(&v1::AdminService::Stub::WhoAmI, v1::WhoAmIRequest());
  EXPECT_EQ(me.user(), "ann");
  EXPECT_EQ(me.token_id(), "0123456789abcdef");
  EXPECT_EQ(me.expires_at().seconds(), absl::ToUnixSeconds(*ann.expires_at));
  EXPECT_THAT(me.scopes(), ElementsAre("submit", "work", "admin"));
  EXPECT_EQ(me.user_account().use().queued_jobs(), 1);
  EXPECT_EQ(me.user_account().limits().queued_jobs(), 7);
  EXPECT_FALSE(me.user_account().limits().has_running_jobs());
  EXPECT_EQ(me.project_account().use().queued_jobs(), 1);
  EXPECT_EQ(me.project_account().use().blob_bytes(), 11);
}

TEST_F(AdminServiceTest, U09_EachCallThatChangesSomethingIsInTheAuditLogWithItsCaller) {
  access::Caller ann = access::LocalCaller();
  ann.user = "ann";
  ann.token_id = "0123456789abcdef";
  ann.peer = "ipv4:10.0.0.1:5";
  authenticator_.Be(ann);
  const std::string id = Create("r1");
  Lease();
  v1::Job job;
  ASSERT_THAT(Cancel(id, &job), IsGrpcOk());
  SetDrain(true);
  v1::ListAuditRequest request;
  request.set_user("ann");
  request.set_action("job.");
  const v1::ListAuditResponse jobs = ListAudit(request);
  ASSERT_EQ(jobs.entries_size(), 2);
  EXPECT_EQ(jobs.entries(0).action(), "job.cancel");
  EXPECT_EQ(jobs.entries(1).action(), "job.create");
  EXPECT_EQ(jobs.entries(1).subject(), id);
  EXPECT_EQ(jobs.entries(1).token_id(), "0123456789abcdef");
  EXPECT_EQ(jobs.entries(1).peer(), "ipv4:10.0.0.1:5");
  request.set_action("server.drain");
  EXPECT_EQ(ListAudit(request).entries_size(), 1);
}

TEST_F(AdminServiceTest, TheAuditLogComesInPages) {
  for (int i = 0; i < 3; ++i) SetDrain(true);
  v1::ListAuditRequest request;
  request.set_action("server.");
  request.set_page_size(2);
  const v1::ListAuditResponse first = ListAudit(request);
  EXPECT_EQ(first.entries_size(), 2);
  request.set_page_token(first.next_page_token());
  const v1::ListAuditResponse second = ListAudit(request);
  EXPECT_EQ(second.entries_size(), 1);
  EXPECT_EQ(second.next_page_token(), "");
  request.set_page_token("of another list");
  grpc::ClientContext context;
  v1::ListAuditResponse response;
  EXPECT_THAT(admin_stub_->ListAudit(&context, request, &response),
              IsGrpcError(grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("page_token")));
}

TEST_F(AdminServiceTest, U04_ADrainedServerTakesJobsAndGivesNoneUntilItIsResumed) {
  SetDrain(true);
  const std::string id = Create("r1");
  EXPECT_EQ(Lease().token(), "");
  const auto queue = Call<v1::Queue>(&v1::AdminService::Stub::GetQueue, v1::GetQueueRequest());
  EXPECT_TRUE(queue.drained());
  EXPECT_EQ(queue.queued_jobs(), 1);
  ASSERT_EQ(queue.jobs_size(), 1);
  EXPECT_EQ(queue.jobs(0).id(), id);
  EXPECT_NE(queue.jobs(0).reason(), "");
  SetDrain(false);
  EXPECT_EQ(Lease().job().id(), id);
}

TEST_F(AdminServiceTest, UsersAndProjectsAreListedWithTheirUse) {
  Create("r1");
  const auto users = Call<v1::ListUsersResponse>(&v1::AdminService::Stub::ListUsers, v1::ListUsersRequest());
  ASSERT_EQ(users.users_size(), 1);
  EXPECT_EQ(users.users(0).name(), "local");
  EXPECT_THAT(users.users(0).projects(), ElementsAre("default"));
  EXPECT_EQ(users.users(0).account().use().queued_jobs(), 1);
  ASSERT_EQ(users.projects_size(), 1);
  EXPECT_EQ(users.projects(0).account().use().blob_bytes(), 11);
}

}  // namespace
}  // namespace joinery::server
