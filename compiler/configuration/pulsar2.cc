#include "compiler/configuration/pulsar2.h"

#include "base/status.h"
#include "compiler/configuration/json_text.h"
#include "compiler/configuration/message_from_json.h"

namespace joinery::compiler {

absl::StatusOr<v1::pulsar2::BuildConfig> ParsePulsar2Json(absl::string_view text, absl::string_view file_name) {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseJsonText(text, file_name));
  v1::pulsar2::BuildConfig configuration;
  if (const absl::Status status = ReadJson(json, "", configuration); !status.ok()) {
    return base::Annotate(status, std::string(file_name));
  }
  return configuration;
}

}  // namespace joinery::compiler
