// Both interceptors around a real service over a real connection.
#include "telemetry/rpc_interceptors.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "joinery/v1/jobs.grpc.pb.h"
#include "telemetry/rpc_metrics.h"
#include "telemetry/span_scope.h"
#include "telemetry/status_endpoint.h"
#include "tests/telemetry/fake_exporter.h"

namespace joinery::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const TraceContext kCaller = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", true};

// Answers with the trace it finds as the job's id.
class EchoService : public v1::JobService::Service {
 public:
  grpc::Status CreateJob(grpc::ServerContext* context, const v1::CreateJobRequest* /*request*/,
                         v1::Job* response) override {
    return Echo(*context, *response);
  }
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request, v1::Job* response) override {
    if (request->id() == "missing") return {grpc::StatusCode::NOT_FOUND, "no such job"};
    return Echo(*context, *response);
  }
  grpc::Status WatchJob(grpc::ServerContext* /*context*/, const v1::WatchJobRequest* /*request*/,
                        grpc::ServerWriter<v1::JobEvent>* writer) override {
    for (int i = 1; i <= 3; ++i) {
      v1::JobEvent event;
      event.set_sequence(i);
      if (!writer->Write(event)) break;
    }
    return grpc::Status::OK;
  }

 private:
  static grpc::Status Echo(const grpc::ServerContext& context, v1::Job& response) {
    const std::optional<TraceContext> trace = TraceOf(context);
    if (trace.has_value()) response.set_id(FormatTraceparent(*trace));
    return grpc::Status::OK;
  }
};

class RpcInterceptorsTest : public ::testing::Test {
 protected:
  void Serve(Tracer& server_tracer, Tracer& client_tracer) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
    creators.push_back(MakeServerInterceptor(server_tracer, server_metrics_));
    builder.experimental().SetInterceptorCreators(std::move(creators));
    server_ = builder.BuildAndStart();
    channel_ = grpc::experimental::CreateCustomChannelWithInterceptors(
        absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials(), grpc::ChannelArguments(),
        MakeClientInterceptors(client_tracer, &client_metrics_));
    stub_ = v1::JobService::NewStub(channel_);
  }

  // The trace that the handler saw.
  std::optional<TraceContext> Get(const std::string& id = "x") {
    grpc::ClientContext context;
    v1::GetJobRequest request;
    request.set_id(id);
    v1::Job job;
    stub_->GetJob(&context, request, &job).ok();
    return ParseTraceparent(job.id());
  }
  std::optional<TraceContext> Create() {
    grpc::ClientContext context;
    v1::Job job;
    EXPECT_TRUE(stub_->CreateJob(&context, v1::CreateJobRequest(), &job).ok());
    return ParseTraceparent(job.id());
  }

  // What is counted, once all calls ended on the server too.
  std::string Metrics() {
    server_->Shutdown();
    server_->Wait();
    stub_.reset();
    return MetricsText({&registry_});
  }

  prometheus::Registry registry_;
  RpcMetrics server_metrics_{registry_, "server"};
  RpcMetrics client_metrics_{registry_, "client"};
  TestTracer server_spans_;
  TestTracer client_spans_;
  base::RealClock clock_;
  Tracer nothing_{nullptr, clock_, [] { return 99; }};
  EchoService service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::JobService::Stub> stub_;
};

TEST_F(RpcInterceptorsTest, ATraceGoesFromSpanToSpanOverTheWire) {
  Serve(server_spans_.tracer, client_spans_.tracer);
  std::optional<TraceContext> seen;
  {
    const SpanScope scope(client_spans_.tracer, "command", kCaller);
    seen = Get();
  }
  const std::vector<Span> client = client_spans_.exported->WaitFor(2);
  const std::vector<Span> server = server_spans_.exported->WaitFor(1);
  ASSERT_EQ(client.size(), 2);
  ASSERT_EQ(server.size(), 1);
  EXPECT_EQ(client[0].name, "JobService/GetJob");
  EXPECT_EQ(client[0].kind, SpanKind::kClient);
  EXPECT_EQ(client[0].parent_span_id, client[1].context.span_id);
  EXPECT_EQ(server[0].name, "JobService/GetJob");
  EXPECT_EQ(server[0].kind, SpanKind::kServer);
  EXPECT_EQ(server[0].parent_span_id, client[0].context.span_id);
  EXPECT_EQ(server[0].context.trace_id, kCaller.trace_id);
  EXPECT_EQ(seen, server[0].context);
}

TEST_F(RpcInterceptorsTest, AnErrorIsPartOfTheSpan) {
  Serve(server_spans_.tracer, client_spans_.tracer);
  {
    const SpanScope scope(client_spans_.tracer, "command", kCaller);
    Get("missing");
  }
  EXPECT_EQ(client_spans_.exported->WaitFor(2)[0].status, absl::NotFoundError("no such job"));
  EXPECT_EQ(server_spans_.exported->WaitFor(1)[0].status, absl::NotFoundError("no such job"));
}

TEST_F(RpcInterceptorsTest, WithoutATraceThereAreNoSpansButForNewJobs) {
  Serve(server_spans_.tracer, client_spans_.tracer);
  EXPECT_EQ(Get(), std::nullopt);
  const std::optional<TraceContext> created = Create();
  ASSERT_TRUE(created.has_value());
  const std::vector<Span> spans = server_spans_.exported->WaitFor(1);
  ASSERT_EQ(spans.size(), 1);
  EXPECT_EQ(spans[0].name, "JobService/CreateJob");
  EXPECT_EQ(spans[0].context, created);
  EXPECT_EQ(spans[0].parent_span_id, "");
}

TEST_F(RpcInterceptorsTest, ProgramsThatKeepNothingPassTheTraceOn) {
  Serve(nothing_, nothing_);
  const SpanScope scope(nothing_, "command", kCaller);
  EXPECT_EQ(Get(), kCaller);
  EXPECT_EQ(Create(), kCaller);
}

TEST_F(RpcInterceptorsTest, AWrongTraceparentIsAsNone) {
  Serve(server_spans_.tracer, nothing_);
  grpc::ClientContext context;
  context.AddMetadata(kTraceparentKey, "00-zz");
  v1::Job job;
  EXPECT_TRUE(stub_->GetJob(&context, v1::GetJobRequest(), &job).ok());
  EXPECT_EQ(job.id(), "");
}

TEST_F(RpcInterceptorsTest, CallsAreCountedByMethodAndCode) {
  Serve(nothing_, nothing_);
  Get();
  Get();
  Get("missing");
  {
    grpc::ClientContext context;
    const auto reader = stub_->WatchJob(&context, v1::WatchJobRequest());
    v1::JobEvent event;
    while (reader->Read(&event)) EXPECT_GT(event.sequence(), 0);
    EXPECT_TRUE(reader->Finish().ok());
  }
  {
    grpc::ClientContext context;
    v1::ListJobsResponse response;
    EXPECT_EQ(stub_->ListJobs(&context, v1::ListJobsRequest(), &response).error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
  }
  const std::string metrics = Metrics();
  for (const std::string side : {"server", "client"}) {
    EXPECT_THAT(metrics, HasSubstr(side + "_handled_total{code=\"OK\",method=\"JobService/GetJob\"} 2\n"));
    EXPECT_THAT(metrics, HasSubstr(side + "_handled_total{code=\"NOT_FOUND\",method=\"JobService/GetJob\"} 1\n"));
    EXPECT_THAT(metrics, HasSubstr(side + "_handled_total{code=\"OK\",method=\"JobService/WatchJob\"} 1\n"));
    EXPECT_THAT(metrics, HasSubstr(side + "_handled_total{code=\"UNIMPLEMENTED\",method=\"JobService/ListJobs\"} 1\n"));
    EXPECT_THAT(metrics, HasSubstr(side + "_seconds_count{method=\"JobService/GetJob\"} 3\n"));
    EXPECT_THAT(metrics, HasSubstr(side + "_in_progress{method=\"JobService/GetJob\"} 0\n"));
    EXPECT_THAT(metrics, HasSubstr(side + "_in_progress{method=\"JobService/WatchJob\"} 0\n"));
  }
}

TEST_F(RpcInterceptorsTest, MethodsThatDoNotExistMakeNoSeries) {
  Serve(nothing_, nothing_);
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer response;
  absl::Notification done;
  grpc::Status status;
  stub.UnaryCall(&context, "/joinery.v1.JobService/NoSuchMethod", {}, &request, &response, [&](grpc::Status ended) {
    status = std::move(ended);
    done.Notify();
  });
  done.WaitForNotification();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(Metrics(),
              Not(HasSubstr("server_handled_total{code=\"UNIMPLEMENTED\",method=\"JobService/NoSuchMethod")));
}

}  // namespace
}  // namespace joinery::telemetry
