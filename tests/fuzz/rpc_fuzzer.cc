// Every RPC of the service: calls with any messages, in any order, to a whole server.
//
// An input is a list of calls: a byte that chooses the method, a byte for how many messages (of methods that take a
// stream), and each message as two bytes of length, little-endian, and its bytes. A string field that is "@NAME" is
// replaced by what the server last said in a field NAME, so that calls can name jobs and leases that exist.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/server/server_fixture.h"

namespace joinery::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MethodDescriptor;
using google::protobuf::Reflection;

constexpr int kCallsPerInput = 12;
constexpr int kInputsPerServer = 300;
constexpr int kMaxAnswers = 4;
constexpr size_t kMaxMessages = 4;
constexpr std::chrono::milliseconds kDeadline(1000);
// Of calls whose answers come when something happens.
constexpr std::chrono::milliseconds kStreamDeadline(15);

std::vector<const MethodDescriptor*> AllMethods() {
  std::vector<const MethodDescriptor*> methods;
  const auto* pool = google::protobuf::DescriptorPool::generated_pool();
  // A mention of each file's messages links its descriptors in.
  const Descriptor* const mentioned[] = {v1::BlobRef::descriptor(), v1::Job::descriptor(), v1::Worker::descriptor(),
                                         v1::ServerInfo::descriptor()};
  for (const Descriptor* message : mentioned) {
    const auto* file = pool->FindFileByName(message->file()->name());
    for (int i = 0; i < file->service_count(); ++i) {
      for (int k = 0; k < file->service(i)->method_count(); ++k) methods.push_back(file->service(i)->method(k));
    }
  }
  return methods;
}

const std::vector<const MethodDescriptor*>& Methods() {
  static const auto* methods = new std::vector<const MethodDescriptor*>(AllMethods());
  return *methods;
}

std::unique_ptr<Message> NewMessage(const Descriptor* type) {
  return std::unique_ptr<Message>(google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
}

// Calls visit(message, field) for all fields that are set, those of inner messages too.
template <typename Visit>
void ForEachField(Message& message, const Visit& visit) {
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        ForEachField(*reflection->MutableRepeatedMessage(&message, field, i), visit);
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && field->name() != "wait") {
      ForEachField(*reflection->MutableMessage(&message, field), visit);
    } else {
      visit(message, field);
    }
  }
}

class FuzzedServer : public ServerTest {
 public:
  FuzzedServer() {
    SetUp();
    (void)MakeRequest("seed");
    (void)MakeResult();
  }
  void TestBody() override {}
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
};

class Caller {
 public:
  Caller() : stub_(server_.channel()) {}

  void Call(const MethodDescriptor& method, const std::vector<std::string>& messages) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + (method.server_streaming() ? kStreamDeadline : kDeadline));
    grpc::CompletionQueue queue;
    const std::string path = absl::StrCat("/", method.service()->full_name(), "/", method.name());
    const auto call = stub_.PrepareCall(&context, path, &queue);
    const auto wait = [&] {
      void* tag = nullptr;
      bool ok = false;
      return queue.Next(&tag, &ok) && ok;
    };
    call->StartCall(nullptr);
    bool well_formed = true;
    bool open = wait();
    for (const std::string& message : messages) {
      if (!open) break;
      call->Write(ToBuffer(message), nullptr);
      open = wait();
      well_formed = well_formed && NewMessage(method.input_type())->ParseFromString(message);
    }
    if (open) {
      call->WritesDone(nullptr);
      (void)wait();
    }
    for (int i = 0; i < kMaxAnswers; ++i) {
      grpc::ByteBuffer answer;
      call->Read(&answer, nullptr);
      if (!wait()) break;
      Remember(method, answer);
    }
    if (method.server_streaming()) context.TryCancel();
    grpc::Status status;
    call->Finish(&status, nullptr);
    (void)wait();
    queue.Shutdown();
    void* tag = nullptr;
    for (bool ok = false; queue.Next(&tag, &ok);) {
    }
    Check(path, well_formed, status);
  }

  // `message` with the names of what there is; as it was if it is no message.
  std::string Complete(const MethodDescriptor& method, const std::string& text) const {
    const std::unique_ptr<Message> message = NewMessage(method.input_type());
    if (!message->ParseFromString(text)) return text;
    ForEachField(*message, [&](Message& inner, const FieldDescriptor* field) {
      const Reflection* reflection = inner.GetReflection();
      if (field->name() == "wait") {
        reflection->ClearField(&inner, field);
      } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field->is_repeated()) {
        const std::string value = reflection->GetString(inner, field);
        if (value.empty() || value[0] != '@') return;
        const auto known = heard_.find(value.substr(1));
        if (known != heard_.end()) reflection->SetString(&inner, field, known->second);
      }
    });
    return message->SerializeAsString();
  }

 private:
  static grpc::ByteBuffer ToBuffer(const std::string& text) {
    const grpc::Slice slice(text);
    return {&slice, 1};
  }

  void Remember(const MethodDescriptor& method, const grpc::ByteBuffer& answer) {
    grpc::Slice slice;
    if (!answer.DumpToSingleSlice(&slice).ok()) return;
    const std::unique_ptr<Message> message = NewMessage(method.output_type());
    if (!message->ParseFromArray(slice.begin(), static_cast<int>(slice.size()))) std::abort();
    ForEachField(*message, [&](Message& inner, const FieldDescriptor* field) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_STRING || field->is_repeated()) return;
      heard_[field->name()] = inner.GetReflection()->GetString(inner, field);
    });
  }

  // Whatever was asked, the fault is never the server's. gRPC itself says INTERNAL of what is no message.
  static void Check(const std::string& path, bool well_formed, const grpc::Status& status) {
    const bool at_fault = status.error_code() == grpc::StatusCode::UNKNOWN ||
                          (status.error_code() == grpc::StatusCode::INTERNAL && well_formed);
    if (!at_fault) return;
    std::fprintf(stderr, "%s: code %d: %s\n", path.c_str(), status.error_code(), status.error_message().c_str());
    std::abort();
  }

  FuzzedServer server_;
  grpc::GenericStub stub_;
  std::map<std::string, std::string> heard_;
};

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }

  size_t Byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }

  std::string Text() {
    const size_t low = Byte();
    const size_t length = std::min(low + (Byte() << 8), size_);
    std::string text(reinterpret_cast<const char*>(data_), length);
    data_ += length;
    size_ -= length;
    return text;
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Builds inputs for Seeds().
class Script {
 public:
  Script& Add(const std::string& method, const std::vector<std::string>& messages) {
    for (size_t i = 0; i < Methods().size(); ++i) {
      if (Methods()[i]->name() != method) continue;
      text_ += static_cast<char>(i);
      text_ += static_cast<char>(messages.size() - 1);
      for (const std::string& message : messages) {
        text_ += static_cast<char>(message.size() & 0xff);
        text_ += static_cast<char>(message.size() >> 8);
        text_ += message;
      }
      return *this;
    }
    std::abort();
  }
  Script& Add(const std::string& method, const Message& message) { return Add(method, {message.SerializeAsString()}); }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

v1::BlobRef Ref(const std::string& content) {
  v1::BlobRef ref;
  ref.set_digest(base::Sha256(content));
  ref.set_size(static_cast<int64_t>(content.size()));
  return ref;
}

v1::CreateJobRequest CreateRequest(const std::string& request_id) {
  v1::CreateJobRequest request;
  request.set_request_id(request_id);
  v1::BuildSpec& build = *request.mutable_spec()->mutable_build();
  *build.mutable_model() = Ref("model");
  *build.mutable_calibration() = Ref("images");
  build.set_configuration("text");
  build.add_input_shapes("x:1x3");
  return request;
}

std::string UploadScript() {
  v1::UploadBlobRequest header;
  *header.mutable_header() = Ref("content");
  v1::UploadBlobRequest chunk;
  chunk.mutable_chunk()->set_data("content");
  v1::FindMissingBlobsRequest find;
  find.add_digests(Ref("content").digest());
  v1::DownloadBlobRequest download;
  download.set_digest(Ref("content").digest());
  download.set_offset(2);
  return Script()
      .Add("FindMissingBlobs", find)
      .Add("UploadBlob", {header.SerializeAsString(), chunk.SerializeAsString()})
      .Add("DownloadBlob", download)
      .text();
}

std::string JobScript() {
  v1::GetJobRequest get;
  get.set_id("@id");
  v1::ListJobsRequest list;
  list.add_states(v1::JOB_STATE_QUEUED);
  list.set_page_size(1);
  v1::WatchJobRequest watch;
  watch.set_id("@id");
  v1::CancelJobRequest cancel;
  cancel.set_id("@id");
  return Script()
      .Add("CreateJob", CreateRequest("first"))
      .Add("GetJob", get)
      .Add("ListJobs", list)
      .Add("WatchJob", watch)
      .Add("CancelJob", cancel)
      .Add("GetServerInfo", v1::GetServerInfoRequest())
      .text();
}

std::string WorkScript() {
  v1::LeaseJobRequest lease;
  lease.set_worker("worker");
  lease.set_compiler_version("1");
  v1::HeartbeatRequest heartbeat;
  heartbeat.set_token("@token");
  v1::Progress& progress = *heartbeat.add_events()->mutable_progress();
  progress.set_stage("calibrate");
  progress.set_stage_index(1);
  progress.set_stage_count(2);
  progress.set_fraction(0.5);
  heartbeat.add_events()->mutable_log()->set_text("line");
  v1::FinishJobRequest finish;
  finish.set_token("@token");
  *finish.mutable_result()->mutable_artifact() = Ref("artifact");
  *finish.mutable_result()->mutable_report() = Ref("report");
  v1::FinishJobRequest fail;
  fail.set_token("@token");
  fail.mutable_failure()->set_reason(v1::FAILURE_REASON_INVALID_MODEL);
  fail.mutable_failure()->set_message("bad");
  return Script()
      .Add("CreateJob", CreateRequest("second"))
      .Add("LeaseJob", lease)
      .Add("Heartbeat", heartbeat)
      .Add("FinishJob", finish)
      .Add("FinishJob", fail)
      .Add("ListWorkers", v1::ListWorkersRequest())
      .text();
}

}  // namespace
}  // namespace joinery::server

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace joinery::server;
  // Never destroyed at the end of the process: the server logs, and the log may be gone by then.
  static Caller* caller = nullptr;
  static int inputs = 0;
  if (inputs++ % kInputsPerServer == 0) {
    delete caller;
    caller = new Caller();
  }
  Input input(data, size);
  for (int i = 0; i < kCallsPerInput && !input.empty(); ++i) {
    const MethodDescriptor& method = *Methods()[input.Byte() % Methods().size()];
    const size_t count = input.Byte() % kMaxMessages + 1;
    std::vector<std::string> messages;
    for (size_t k = 0; k < (method.client_streaming() ? count : 1); ++k) {
      messages.push_back(caller->Complete(method, input.Text()));
    }
    caller->Call(method, messages);
  }
  return 0;
}

std::vector<std::string> joinery::fuzz::Seeds() {
  return {server::UploadScript(), server::JobScript(), server::WorkScript()};
}
