// Uploads a file and says how long that took: `upload_client HOST:PORT FILE` as clients of joineryd do,
// `upload_client --plain HOST:PORT FILE` by nothing but a loop that streams chunks.
#include <grpcpp/grpcpp.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "base/file.h"
#include "base/status.h"
#include "client/session.h"
#include "credentials/channel.h"

namespace joinery {
namespace {

// Most memory that this process has had, in kB.
std::string PeakMemory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (absl::StartsWith(line, "VmHWM:")) return line.substr(line.find_first_of("0123456789"));
  }
  return "unknown";
}

absl::Status UploadPlainly(const std::string& server, const std::string& path, const v1::BlobRef& blob) {
  const auto stub = v1::BlobService::NewStub(grpc::CreateChannel(server, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  v1::UploadBlobResponse response;
  const auto writer = stub->UploadBlob(&context, &response);
  v1::UploadBlobRequest request;
  *request.mutable_header() = blob;
  writer->Write(request);
  int64_t offset = 0;
  RETURN_IF_ERROR(base::ReadFileInPieces(path, [&](absl::string_view piece) {
    request.mutable_chunk()->set_offset(offset);
    request.mutable_chunk()->set_data(piece.data(), piece.size());
    offset += static_cast<int64_t>(piece.size());
    return writer->Write(request) ? absl::OkStatus() : absl::UnavailableError("the server takes no more");
  }));
  writer->WritesDone();
  return credentials::ToStatus(writer->Finish());
}

absl::Status UploadAsClientsDo(const std::string& server, const client::FileSource& source, const v1::BlobRef& blob) {
  client::Interruption interruption;
  client::SessionOptions options;
  options.server = server;
  options.random = [] { return uint64_t{1}; };
  options.interruption = &interruption;
  ASSIGN_OR_RETURN(const auto session, client::Session::Connect(options));
  return session->Upload(source, blob, [](int64_t /*done*/, int64_t /*total*/) {});
}

int Main(int argc, char** argv) {
  const bool plain = argc == 4 && std::strcmp(argv[1], "--plain") == 0;
  if (argc != 3 && !plain) {
    std::cerr << "usage: upload_client [--plain] HOST:PORT FILE\n";
    return 2;
  }
  const std::string server = argv[argc - 2];
  const client::FileSource source(argv[argc - 1]);
  // Not timed: every upload needs it, and it brings the file into memory.
  const absl::StatusOr<v1::BlobRef> blob =
      client::Identify(source, [](absl::string_view /*piece*/) { return absl::OkStatus(); });
  if (!blob.ok()) {
    std::cerr << blob.status() << '\n';
    return 1;
  }
  const absl::Time begin = absl::Now();
  const absl::Status status =
      plain ? UploadPlainly(server, source.name(), *blob) : UploadAsClientsDo(server, source, *blob);
  if (!status.ok()) {
    std::cerr << status << '\n';
    return 1;
  }
  std::cout << absl::ToDoubleSeconds(absl::Now() - begin) << ' ' << PeakMemory() << '\n';
  return 0;
}

}  // namespace
}  // namespace joinery

int main(int argc, char** argv) { return joinery::Main(argc, argv); }
