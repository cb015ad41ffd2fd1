#include "telemetry/log.h"

#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "telemetry/log_fields.h"

namespace joinery::telemetry {
namespace {

using Json = nlohmann::ordered_json;

// Everything that could end the line, or play with a terminal, becomes visible.
void AppendEscaped(absl::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (absl::ascii_iscntrl(c)) {
      absl::StrAppendFormat(&out, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      out.push_back(c);
    }
  }
}

bool NeedsQuotes(absl::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return c == ' ' || c == '"' || c == '\\' || absl::ascii_iscntrl(c);
         });
}

// Fields that are numbers by their name, so that a field never changes its type.
bool IsNumeric(absl::string_view key) {
  return absl::EndsWith(key, "_ms") || absl::EndsWith(key, "_bytes") || absl::EndsWith(key, "_seconds") ||
         key == "attempt";
}

Json ToJson(absl::string_view key, const std::string& value) {
  double number = 0;
  int64_t integer = 0;
  if (!IsNumeric(key)) return value;
  if (absl::SimpleAtoi(value, &integer)) return integer;
  if (absl::SimpleAtod(value, &number)) return number;
  return value;
}

std::string FormatText(absl::string_view level, absl::Time time, const LogMessage& message) {
  std::string line = absl::FormatTime("%Y-%m-%dT%H:%M:%E3S%Ez ", time, absl::LocalTimeZone());
  absl::StrAppend(&line, level, message.words.empty() ? "" : " ");
  AppendEscaped(message.words, line);
  for (const auto& [key, value] : message.fields) absl::StrAppend(&line, " ", key, "=", LogValue(value));
  return line;
}

std::string FormatJson(absl::string_view program, absl::string_view level, absl::Time time, const LogMessage& message) {
  Json json = {{"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone())},
               {"level", std::string(level)},
               {"program", std::string(program)},
               {"message", message.words}};
  for (const auto& [key, value] : message.fields) {
    // A field cannot take the place of what is above.
    const std::string name = json.contains(key) ? absl::StrCat("field_", key) : key;
    json[name] = ToJson(key, value);
  }
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

// spdlog's names, but for "warning", which our options call "warn".
absl::string_view LevelName(spdlog::level::level_enum level) {
  return level == spdlog::level::warn ? "warn" : absl::string_view(spdlog::level::to_string_view(level).data());
}

class LineFormatter : public spdlog::formatter {
 public:
  LineFormatter(LogFormat format, std::string program) : format_(format), program_(std::move(program)) {}

  void format(const spdlog::details::log_msg& event, spdlog::memory_buf_t& out) override {
    const std::string line = FormatLogLine(format_, program_, LevelName(event.level), absl::FromChrono(event.time),
                                           absl::string_view(event.payload.data(), event.payload.size()));
    out.append(line.data(), line.data() + line.size());
    out.push_back('\n');
  }

  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(format_, program_);
  }

 private:
  const LogFormat format_;
  const std::string program_;
};

}  // namespace

std::string LogValue(absl::string_view value) {
  if (!NeedsQuotes(value)) return std::string(value);
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    AppendEscaped(absl::string_view(&c, 1), quoted);
  }
  quoted.push_back('"');
  return quoted;
}

std::string FormatLogLine(LogFormat format, absl::string_view program, absl::string_view level, absl::Time time,
                          absl::string_view message) {
  const LogMessage parsed = ParseLogMessage(message);
  return format == LogFormat::kJson ? FormatJson(program, level, time, parsed) : FormatText(level, time, parsed);
}

void SetUpLog(const LogOptions& options) {
  auto logger = std::make_shared<spdlog::logger>(options.name, std::make_shared<spdlog::sinks::stderr_sink_mt>());
  const LogFormat format = options.format == "json" ? LogFormat::kJson : LogFormat::kText;
  logger->set_formatter(std::make_unique<LineFormatter>(format, options.name));
  logger->set_level(spdlog::level::from_str(options.level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace joinery::telemetry
