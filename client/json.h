// What `--json` prints. Within schema "v1" fields are added, never changed or taken away.
#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/error.h"

namespace joinery::client {

// A quoted and escaped JSON string.
std::string JsonString(absl::string_view text);

// A JSON object with `fields` (name, JSON text) in the order given.
std::string JsonObject(const std::vector<std::pair<std::string, std::string>>& fields);

// protobuf's JSON form of `message` in one line: names as in the .proto, scalar fields even if they are zero.
absl::StatusOr<std::string> JsonOf(const google::protobuf::Message& message);

// The same with "schema": "v1" as its first field, and a line feed.
absl::StatusOr<std::string> JsonDocumentOf(const google::protobuf::Message& message);

// {"schema":"v1","items":[...],"next":"..." or null} and a line feed. `next_page_token` may be empty.
template <typename Messages>
absl::StatusOr<std::string> JsonListOf(const Messages& messages, absl::string_view next_page_token);

// {"error":{...}} and a line feed.
std::string JsonOf(const ErrorReport& error);

// Items joined into a JSON array.
std::string JsonArray(const std::vector<std::string>& items);

template <typename Messages>
absl::StatusOr<std::string> JsonListOf(const Messages& messages, absl::string_view next_page_token) {
  std::vector<std::string> items;
  for (const auto& message : messages) {
    absl::StatusOr<std::string> item = JsonOf(message);
    if (!item.ok()) return item.status();
    items.push_back(*std::move(item));
  }
  return JsonObject({{"schema", "\"v1\""},
                     {"items", JsonArray(items)},
                     {"next", next_page_token.empty() ? "null" : JsonString(next_page_token)}}) +
         "\n";
}

}  // namespace joinery::client
