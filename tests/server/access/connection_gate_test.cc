#include "server/access/connection_gate.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "joinery/v1/server.grpc.pb.h"
#include "tests/testing/status_matchers.h"

namespace joinery::server::access {
namespace {

using ::joinery::testing::IsOk;
using ::joinery::testing::StatusIs;
using ::testing::HasSubstr;

class Echo : public v1::ServerService::Service {
 public:
  grpc::Status GetServerInfo(grpc::ServerContext* context, const v1::GetServerInfoRequest* /*request*/,
                             v1::ServerInfo* response) override {
    response->set_version(context->peer());
    return grpc::Status::OK;
  }
};

// A server behind a gate.
class ConnectionGateTest : public ::testing::Test {
 protected:
  void Start(const ConnectionLimits& limits, const std::string& address = "127.0.0.1:0") {
    auto gate = ConnectionGate::Listen(address, limits);
    ASSERT_THAT(gate, IsOk());
    gate_ = *std::move(gate);
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 500);
    auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    gate_->Open(std::move(acceptor));
  }
  ~ConnectionGateTest() override {
    if (gate_ != nullptr) gate_->Close();
    if (server_ != nullptr) server_->Shutdown(absl::ToChronoTime(absl::Now()));
  }

  // What the server calls the caller; empty if the call failed.
  std::string Call(const std::shared_ptr<grpc::Channel>& channel) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(5)));
    v1::ServerInfo info;
    const grpc::Status status = v1::ServerService::NewStub(channel)->GetServerInfo(&context, {}, &info);
    return status.ok() ? info.version() : "";
  }
  std::shared_ptr<grpc::Channel> Connect(const std::string& host = "127.0.0.1") {
    grpc::ChannelArguments arguments;
    // Otherwise channels share one connection.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(absl::StrCat(host, ":", gate_->port()), grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  // A connection that says nothing.
  base::UniqueFd ConnectSilently() const {
    base::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<uint16_t>(gate_->port()));
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  bool WaitUntilOpen(size_t count) const {
    const absl::Time deadline = absl::Now() + absl::Seconds(10);
    while (gate_->counts().open != count && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(2));
    return gate_->counts().open == count;
  }

  Echo service_;
  std::unique_ptr<ConnectionGate> gate_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(ConnectionGateTest, CallsPassAndTheServerKnowsWhereFrom) {
  Start({});
  EXPECT_THAT(Call(Connect()), ::testing::StartsWith("ipv4:127.0.0.1:"));
}

TEST_F(ConnectionGateTest, ListensOnAllAddressesOfAName) {
  Start({}, "localhost:0");
  EXPECT_THAT(Call(Connect()), HasSubstr("127.0.0.1"));
}

TEST_F(ConnectionGateTest, WhoIsOneTooManyWaitsUntilAnotherGoes) {
  Start({.total = 10, .per_host = 2});
  auto first = Connect();
  const auto second = Connect();
  EXPECT_NE(Call(first), "");
  EXPECT_NE(Call(second), "");
  EXPECT_EQ(gate_->counts().open, 2);
  EXPECT_EQ(Call(Connect()), "");
  EXPECT_GE(gate_->counts().refused, 1);
  EXPECT_NE(Call(second), "");
  first.reset();
  ASSERT_TRUE(WaitUntilOpen(1));
  EXPECT_NE(Call(Connect()), "");
}

TEST_F(ConnectionGateTest, TheTotalIsLimitedToo) {
  Start({.total = 1, .per_host = 10});
  const auto first = Connect();
  EXPECT_NE(Call(first), "");
  EXPECT_EQ(Call(Connect()), "");
}

// F25: slow-loris.
TEST_F(ConnectionGateTest, F25ConnectionsThatSayNothingAreEndedAndHinderNobody) {
  Start({.total = 10'000, .per_host = 300});
  std::vector<base::UniqueFd> silent;
  silent.reserve(250);
  for (int i = 0; i < 250; ++i) silent.push_back(ConnectSilently());
  EXPECT_NE(Call(Connect()), "");
  EXPECT_TRUE(WaitUntilOpen(0)) << gate_->counts().open;
  EXPECT_NE(Call(Connect()), "");
}

TEST_F(ConnectionGateTest, ManyConnectionsComeAndGoWithoutALeak) {
  Start({.total = 20, .per_host = 20});
  for (int i = 0; i < 100; ++i) ASSERT_NE(Call(Connect()), "") << i;
  EXPECT_TRUE(WaitUntilOpen(0)) << gate_->counts().open;
}

TEST_F(ConnectionGateTest, ClosedItLetsNobodyInAndThoseInsideStay) {
  Start({});
  const auto inside = Connect();
  EXPECT_NE(Call(inside), "");
  gate_->Close();
  gate_->Close();
  EXPECT_NE(Call(inside), "");
  EXPECT_EQ(Call(Connect()), "");
}

TEST_F(ConnectionGateTest, AnAddressThatIsTakenIsRefusedWithWhatToDo) {
  Start({});
  EXPECT_THAT(ConnectionGate::Listen(absl::StrCat("127.0.0.1:", gate_->port()), {}),
              StatusIs(absl::StatusCode::kUnavailable,
                       ::testing::AllOf(HasSubstr("cannot listen on 127.0.0.1:"), HasSubstr("--listen"))));
  EXPECT_THAT(ConnectionGate::Listen("no-such-host.invalid:1", {}),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("no-such-host.invalid:1")));
}

}  // namespace
}  // namespace joinery::server::access
