// The program itself: its line, its exit codes, its death in the middle of an upload.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "joinery/v1/blobs.grpc.pb.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace joinery::server {
namespace {

using ::joinery::testing::TemporaryFolder;
using ::testing::HasSubstr;

// A running joineryd; killed when it goes.
class Joineryd {
 public:
  explicit Joineryd(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), JOINERYD);
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::array<int, 2> out;
    std::array<int, 2> err;
    EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(err.data(), O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    EXPECT_EQ(posix_spawn(&pid_, JOINERYD, &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    out_ = base::UniqueFd(out[0]);
    err_ = base::UniqueFd(err[0]);
    close(out[1]);
    close(err[1]);
  }
  ~Joineryd() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  Joineryd(const Joineryd&) = delete;
  Joineryd& operator=(const Joineryd&) = delete;

  // To the end of the line, or of the output.
  std::string ReadLine() {
    std::string line;
    for (char c = 0; c != '\n' && read(out_.get(), &c, 1) == 1;) line.push_back(c);
    return line;
  }
  std::string ReadErrors() {
    std::string text;
    for (char c = 0; read(err_.get(), &c, 1) == 1;) text.push_back(c);
    return text;
  }
  void Kill(int signal) const { kill(pid_, signal); }
  // The most memory that it has had.
  int64_t PeakBytes() const {
    const absl::StatusOr<std::string> status = base::ReadFile(absl::StrCat("/proc/", pid_, "/status"), 64 << 10);
    if (!status.ok()) return 0;
    int64_t kilobytes = 0;
    std::istringstream(status->substr(status->find("VmHWM:") + 6)) >> kilobytes;
    return kilobytes << 10;
  }
  // What waitpid says.
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  int WaitForExitCode() {
    const int status = Wait();
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  base::UniqueFd out_;
  base::UniqueFd err_;
};

// HOST:PORT out of the line that says the server is ready.
std::string AddressOf(const std::string& line) {
  const size_t begin = line.find("127.0.0.1:");
  return begin == std::string::npos ? "" : line.substr(begin, line.find(' ', begin) - begin);
}

TEST(JoinerydTest, SaysWhereItListensAndStopsWhenAsked) {
  for (const int signal : {SIGTERM, SIGINT}) {
    const TemporaryFolder folder;
    Joineryd server({"--data-dir", folder / "deep/data", "--listen", "127.0.0.1:0"});
    EXPECT_THAT(server.ReadLine(),
                ::testing::MatchesRegex("joineryd [0-9.]+ listening on 127.0.0.1:[1-9][0-9]* "
                                        "\\(data in .*/deep/data; this host only, no encryption, no tokens\\)\n"));
    server.Kill(signal);
    EXPECT_EQ(server.ReadLine(), "");
    EXPECT_EQ(server.WaitForExitCode(), 0);
  }
}

TEST(JoinerydTest, ASecondServerOnTheSameFolderIsRefused) {
  const TemporaryFolder folder;
  Joineryd first({"--data-dir", folder.path(), "--listen", "127.0.0.1:0"});
  ASSERT_THAT(first.ReadLine(), HasSubstr("listening"));
  Joineryd second({"--data-dir", folder.path(), "--listen", "127.0.0.1:0"});
  EXPECT_THAT(second.ReadErrors(), HasSubstr("another joineryd uses the data folder " + folder.path()));
  EXPECT_EQ(second.WaitForExitCode(), 10);
}

TEST(JoinerydTest, WrongStartsEndWithOneClearLine) {
  const TemporaryFolder folder;
  ASSERT_THAT(base::WriteFileAtomically(folder / "file", "text"), joinery::testing::IsOk());
  Joineryd first({"--data-dir", folder / "first", "--listen", "127.0.0.1:0"});
  const std::string taken = AddressOf(first.ReadLine());
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
    std::string message;
  } cases[] = {
      {{"--data-dir", folder / "file", "--listen", "127.0.0.1:0"}, 10, folder / "file"},
      {{"--data-dir", folder / "second", "--listen", taken}, 10, "cannot listen on " + taken},
      {{"--data-dir", folder / "third", "--listen", "0.0.0.0:0"}, 2, "--insecure-listen-anywhere"},
      {{"--listen", "nonsense"}, 2, "HOST:PORT"},
  };
  for (const auto& c : cases) {
    Joineryd server(c.arguments);
    const std::string errors = server.ReadErrors();
    EXPECT_THAT(errors, ::testing::StartsWith("error: "));
    EXPECT_THAT(errors, HasSubstr(c.message));
    EXPECT_EQ(std::count(errors.begin(), errors.end(), '\n'), 1) << errors;
    EXPECT_EQ(server.WaitForExitCode(), c.exit_code) << c.message;
  }
  Joineryd server({"--no-such-option"});
  EXPECT_THAT(server.ReadErrors(), HasSubstr("--no-such-option"));
  EXPECT_EQ(server.WaitForExitCode(), 2);
}

TEST(JoinerydTest, F21_KilledInTheMiddleOfAnUploadItGoesOnWhereItWas) {
  const TemporaryFolder folder;
  const std::vector<std::string> arguments = {"--data-dir", folder.path(), "--listen", "127.0.0.1:0"};
  const std::string bytes(3 << 20, 'x');
  const std::string digest = base::Sha256(bytes);
  auto server = std::make_unique<Joineryd>(arguments);
  std::unique_ptr<v1::BlobService::Stub> stub;
  const auto connect = [&] {
    stub = v1::BlobService::NewStub(
        grpc::CreateChannel(AddressOf(server->ReadLine()), grpc::InsecureChannelCredentials()));
  };
  const auto received = [&] {
    grpc::ClientContext context;
    v1::GetUploadRequest request;
    request.set_digest(digest);
    v1::Upload upload;
    EXPECT_TRUE(stub->GetUpload(&context, request, &upload).ok());
    return upload.received();
  };
  const auto upload = [&](int64_t begin, int64_t end) {
    grpc::ClientContext context;
    v1::UploadBlobResponse response;
    const auto writer = stub->UploadBlob(&context, &response);
    v1::UploadBlobRequest message;
    message.mutable_header()->set_digest(digest);
    message.mutable_header()->set_size(static_cast<int64_t>(bytes.size()));
    writer->Write(message);
    for (int64_t offset = begin; offset < end; offset += 1 << 20) {
      message.mutable_chunk()->set_offset(offset);
      message.mutable_chunk()->set_data(bytes.substr(static_cast<size_t>(offset), 1 << 20));
      writer->Write(message);
    }
    if (end < static_cast<int64_t>(bytes.size())) {
      while (received() < end) absl::SleepFor(absl::Milliseconds(1));
      server.reset();
    }
    writer->WritesDone();
    return writer->Finish();
  };
  connect();
  EXPECT_FALSE(upload(0, 2 << 20).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder / "blobs"));

  server = std::make_unique<Joineryd>(arguments);
  connect();
  ASSERT_EQ(received(), 2 << 20);
  EXPECT_TRUE(upload(2 << 20, 3 << 20).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder / "incoming"));
  EXPECT_EQ(received(), 3 << 20);
}

// As fast as it goes: what is in flight is bounded by the server's window, not by how long the upload lasts.
grpc::Status UploadZeros(v1::BlobService::Stub& stub, int64_t size) {
  const std::string piece(1 << 20, '\0');
  base::Sha256Hasher hasher;
  for (int64_t offset = 0; offset < size; offset += 1 << 20) hasher.Update(piece);
  grpc::ClientContext context;
  v1::UploadBlobResponse response;
  const auto writer = stub.UploadBlob(&context, &response);
  v1::UploadBlobRequest message;
  message.mutable_header()->set_digest(hasher.Finish());
  message.mutable_header()->set_size(size);
  writer->Write(message);
  for (int64_t offset = 0; offset < size; offset += 1 << 20) {
    message.mutable_chunk()->set_offset(offset);
    message.mutable_chunk()->set_data(piece);
    writer->Write(message);
  }
  writer->WritesDone();
  return writer->Finish();
}

TEST(JoinerydTest, MemoryDoesNotGrowWithAnUpload) {
#ifdef JOINERY_HAS_SANITIZER
  GTEST_SKIP() << "a sanitizer keeps memory that was freed";
#endif
  const TemporaryFolder folder;
  Joineryd server({"--data-dir", folder.path(), "--listen", "127.0.0.1:0"});
  const auto stub =
      v1::BlobService::NewStub(grpc::CreateChannel(AddressOf(server.ReadLine()), grpc::InsecureChannelCredentials()));
  ASSERT_TRUE(UploadZeros(*stub, 16 << 20).ok());
  const int64_t before = server.PeakBytes();
  ASSERT_TRUE(UploadZeros(*stub, 512 << 20).ok());
  EXPECT_GT(before, 0);
  EXPECT_LT(server.PeakBytes() - before, 8 << 20);
}

}  // namespace
}  // namespace joinery::server
