// What joineryd's uploads are compared with: `plain_server FOLDER` takes uploads by plain gRPC streaming, writes each
// to a file and hashes it, and nothing else: no checks, no limits, no owners. With --sync it also waits for the disk.
#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <cstring>
#include <iostream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/file.h"
#include "joinery/v1/blobs.grpc.pb.h"

namespace joinery {
namespace {

class PlainService : public v1::BlobService::Service {
 public:
  PlainService(std::string folder, bool sync) : folder_(std::move(folder)), sync_(sync) {}

  grpc::Status UploadBlob(grpc::ServerContext* /*context*/, grpc::ServerReader<v1::UploadBlobRequest>* reader,
                          v1::UploadBlobResponse* response) override {
    v1::UploadBlobRequest request;
    if (!reader->Read(&request)) return {grpc::StatusCode::INVALID_ARGUMENT, "no header"};
    *response->mutable_blob() = request.header();
    const std::string path = absl::StrCat(folder_, "/", request.header().digest());
    const absl::StatusOr<base::UniqueFd> fd = base::OpenFile(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (!fd.ok()) return {grpc::StatusCode::INTERNAL, std::string(fd.status().message())};
    base::Sha256Hasher hasher;
    while (reader->Read(&request)) {
      hasher.Update(request.chunk().data());
      if (!base::WriteAll(fd->get(), request.chunk().data(), path).ok()) return {grpc::StatusCode::INTERNAL, "write"};
    }
    if (sync_ && fsync(fd->get()) != 0) return {grpc::StatusCode::INTERNAL, "fsync"};
    if (hasher.Finish() != response->blob().digest()) return {grpc::StatusCode::DATA_LOSS, "digest"};
    return grpc::Status::OK;
  }

 private:
  const std::string folder_;
  const bool sync_;
};

int Main(int argc, char** argv) {
  const bool sync = argc == 3 && std::strcmp(argv[1], "--sync") == 0;
  if (argc != 2 && !sync) {
    std::cerr << "usage: plain_server [--sync] FOLDER\n";
    return 2;
  }
  PlainService service(argv[argc - 1], sync);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  std::cout << "plain_server listening on 127.0.0.1:" << port << std::endl;
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace joinery

int main(int argc, char** argv) { return joinery::Main(argc, argv); }
