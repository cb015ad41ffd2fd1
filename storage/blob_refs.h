// The blobs that a message refers to, wherever in it they are: what a job was given, what it made.
#pragma once

#include <google/protobuf/message.h>

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "joinery/v1/blobs.pb.h"

namespace joinery::storage {

// Calls `take` for each joinery.v1.BlobRef that is set in `message`, in the order of the fields, with the path to it
// for people: `name`, unless it is empty, and the fields' names, with dots between ("spec.build.model"). Stops at the
// first error and returns it.
absl::Status ForEachBlobRef(const google::protobuf::Message& message, const std::string& name,
                            const std::function<absl::Status(const std::string& field, const v1::BlobRef& blob)>& take);

}  // namespace joinery::storage
