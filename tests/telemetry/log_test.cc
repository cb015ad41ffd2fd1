#include "telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace joinery::telemetry {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const absl::Time kTime = absl::FromUnixMillis(1'700'000'000'123);

std::string Text(const std::string& message) {
  return FormatLogLine(LogFormat::kText, "joineryd", "info", kTime, message);
}

Json Parsed(const std::string& message) {
  return Json::parse(FormatLogLine(LogFormat::kJson, "joineryd", "info", kTime, message));
}

TEST(LogTest, TextIsTheMessageBehindTimeAndLevel) {
  EXPECT_THAT(
      Text("job ended job_id=7f3a error=\"no room\""),
      ::testing::MatchesRegex("20..-..-..T..:..:..\\.123[+-]..:.. info job ended job_id=7f3a error=\"no room\""));
}

TEST(LogTest, JsonHasAFieldForEach) {
  EXPECT_EQ(Parsed("job ended job_id=7f3a elapsed_ms=12 attempt=3 size_bytes=x error=\"say \\\"no\\\"\" at last"),
            Json::parse(R"({"time": "2023-11-14T22:13:20.123Z", "level": "info", "program": "joineryd",
                            "message": "job ended at last", "job_id": "7f3a", "elapsed_ms": 12, "attempt": 3,
                            "size_bytes": "x", "error": "say \"no\""})"));
  EXPECT_EQ(Parsed("elapsed_ms=1.5")["elapsed_ms"], 1.5);
}

TEST(LogTest, AnEventStaysOneLineAndItsFieldsItsOwn) {
  const std::string hostile = "x\ninfo all is well\r\x1b[2J level=debug job_id=other\"";
  const std::string message = absl::StrCat("job ended name=", LogValue(hostile), " job_id=7f3a");
  EXPECT_EQ(Text(message).find_first_of("\n\r\x1b"), std::string::npos);
  const Json json = Parsed(message);
  EXPECT_EQ(json["job_id"], "7f3a");
  EXPECT_EQ(json["level"], "info");
  EXPECT_THAT(json["name"].get<std::string>(), HasSubstr("job_id=other"));
}

TEST(LogTest, AFieldTakesNoReservedName) {
  const Json json = Parsed("words level=debug time=0 message=no");
  EXPECT_EQ(json["level"], "info");
  EXPECT_EQ(json["message"], "words");
  EXPECT_EQ(json["field_level"], "debug");
}

TEST(LogTest, WhateverComesIsOneJsonDocument) {
  for (const std::string& message :
       {std::string(), std::string("="), std::string("a=\""), std::string("a=\"\\"), std::string("\xff\xfe=\x80"),
        std::string("\0\0", 2), std::string(100'000, '"'), std::string("a= b=")}) {
    EXPECT_NO_THROW(Parsed(message)) << message;
    EXPECT_EQ(Text(message).find('\n'), std::string::npos);
  }
}

TEST(LogTest, SecretsAreLeftOut) {
  const std::string token = absl::StrCat("joinery_", std::string(40, 'a'));
  for (const std::string& message : {absl::StrCat("refused ", token), absl::StrCat("refused bearer=x,", token),
                                     absl::StrCat("refused error=\"the token ", token, " has expired\""),
                                     absl::StrCat("authorization=", token), absl::StrCat("token=", token)}) {
    EXPECT_THAT(Text(message), Not(HasSubstr("aaaa"))) << message;
    EXPECT_THAT(Text(message), HasSubstr("[redacted]")) << message;
    EXPECT_THAT(Parsed(message).dump(), Not(HasSubstr("aaaa"))) << message;
  }
  EXPECT_THAT(Text("lease lost lease_token=0123"), EndsWith("lease_token=[redacted]"));
  EXPECT_THAT(Text("metric joinery_jobs"), EndsWith("metric joinery_jobs"));
}

TEST(LogTest, ValuesAreQuotedOnlyWhereNeeded) {
  EXPECT_EQ(LogValue("plain-1.2:3"), "plain-1.2:3");
  EXPECT_EQ(LogValue(""), "\"\"");
  EXPECT_EQ(LogValue("a b"), "\"a b\"");
  EXPECT_EQ(LogValue("say \"x\\"), R"("say \"x\\")");
  EXPECT_EQ(LogValue("a\nb"), R"("a\nb")");
}

}  // namespace
}  // namespace joinery::telemetry
