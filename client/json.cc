#include "client/json.h"

#include <google/protobuf/util/json_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/status.h"

namespace joinery::client {
namespace {

std::string StringOrNull(absl::string_view text) { return text.empty() ? "null" : JsonString(text); }

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
      json += c;
    } else if (c == '\n') {
      json += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppendFormat(&json, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      json += c;
    }
  }
  return json + "\"";
}

std::string JsonObject(const std::vector<std::pair<std::string, std::string>>& fields) {
  return absl::StrCat("{",
                      absl::StrJoin(fields, ",",
                                    [](std::string* out, const std::pair<std::string, std::string>& field) {
                                      absl::StrAppend(out, JsonString(field.first), ":", field.second);
                                    }),
                      "}");
}

std::string JsonArray(const std::vector<std::string>& items) {
  return absl::StrCat("[", absl::StrJoin(items, ","), "]");
}

absl::StatusOr<std::string> JsonOf(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) return absl::InternalError(absl::StrCat("cannot write JSON: ", status.ToString()));
  return json;
}

absl::StatusOr<std::string> JsonDocumentOf(const google::protobuf::Message& message) {
  ASSIGN_OR_RETURN(const std::string json, JsonOf(message));
  return absl::StrCat("{\"schema\":\"v1\"", json == "{}" ? "" : ",", json.substr(1), "\n");
}

std::string JsonOf(const ErrorReport& error) {
  return JsonObject({{"error", JsonObject({{"code", JsonString(error.code)},
                                           {"class", JsonString(error.error_class)},
                                           {"message", JsonString(error.message)},
                                           {"why", StringOrNull(error.why)},
                                           {"fix", StringOrNull(error.fix)},
                                           {"job_id", StringOrNull(error.job_id)},
                                           {"request_id", StringOrNull(error.request_id)},
                                           {"retryable", error.retryable ? "true" : "false"}})}}) +
         "\n";
}

}  // namespace joinery::client
