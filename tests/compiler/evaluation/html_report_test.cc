#include "compiler/evaluation/html_report.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"

namespace joinery::compiler {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A report in which every string is `name`.
v1::Report ReportNaming(const std::string& name) {
  v1::Report report;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
      manifest {
        tool_version: "NAME"
        calibration_set { samples: 100 }
        configuration { target { hardware: "NAME" } }
        precision {
          samples: 16 layer_samples: 4 contribution_method: CONTRIBUTION_METHOD_TRACED
          outputs { name: "NAME" cosine_mean: 0.99123 cosine_min: 0.98 sqnr_db: 17.52 relative_error: 0.13 }
          layers { name: "NAME" op_type: "NAME" tensor: "NAME" bits: 8 sqnr_db: 17.5 injected_error: 0.02
                   inherited_error: 0.13 observed_min: -1 observed_max: 2 range_min: -1 range_max: 1.5 saturation: 0.01
                   contribution: 0.25 inputs: "NAME" }
          layers { name: "other" op_type: "Conv" tensor: "t" bits: 8 contribution: 0.75 range_max: 1 observed_max: 1 }
          advice { kind: "saturation" layer: "NAME" finding: "NAME" action: "NAME" }
          gains { name: "NAME" metric: "NAME" before: 15.2 after: 17.9 }
          trade_off { sqnr_db: 17 }
          trade_off { share_16_bit: 0.1 sqnr_db: 20 layer: "NAME" }
        }
        float_nodes { name: "NAME" op_type: "NAME" reason: "NAME" }
        cost {
          target: "NAME" mode: "NAME" latency_ms: 1.25 operations: 600000000 memory_bytes: 4000000
          median_error_percent: 11 p90_error_percent: 44 tested_latencies: 7
          layers { name: "NAME" op_type: "NAME" operations: 1 time_us: 12 bound: COST_BOUND_MEMORY }
          modes { mode: "NAME" latency_ms: 1.25 shares_with_isp: true }
          modes { mode: "whole" latency_ms: 0.75 }
          findings: "NAME"
        }
      }
      artifact_bytes: 3942508 model_bytes: 13992261
      stages { stage: "NAME" seconds: 0.25 }
      warnings: "NAME" )",
                                                            &report));
  // Through text so that the name may hold anything.
  std::string text;
  google::protobuf::TextFormat::PrintToString(report, &text);
  const std::string quoted = absl::StrCat("\"", absl::CHexEscape(name), "\"");
  for (size_t at = text.find("\"NAME\""); at != std::string::npos; at = text.find("\"NAME\"", at + quoted.size())) {
    text.replace(at, 6, quoted);
  }
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &report));
  return report;
}

TEST(HtmlReportTest, ShowsWhatThereIs) {
  const std::string html = FormatHtmlReport(ReportNaming("Conv_12"));
  for (const char* text :
       {"0.99123", "17.52 dB", "3.94 MB", "13.99 MB", "Conv_12", "Advice", "What stays float",
        "What each algorithm gained", "+2.7", "Layers in 16 bits", "Warnings", "0.250 s", "estimate", "1.250 ms",
        "0.750 ms", "7 published latencies", "What sharing the NPU costs", "DRAM", "4.00 MB"}) {
    EXPECT_THAT(html, HasSubstr(text));
  }
  EXPECT_THAT(html, AllOf(HasSubstr("<html lang=\"en\">"), HasSubstr("name=\"viewport\""),
                          HasSubstr("prefers-color-scheme: dark"), HasSubstr("</html>")));
  // Ranked: the larger contribution comes first in the table.
  const size_t table = html.find("class=\"sortable\"");
  ASSERT_NE(table, std::string::npos);
  EXPECT_LT(html.find(">other<", table), html.find(">Conv_12<", table));
}

TEST(HtmlReportTest, LeavesOutWhatThereIsNot) {
  const std::string html = FormatHtmlReport(v1::Report());
  for (const char* text : {"<svg", "Advice", "Warnings", "<table", "<h2>"}) EXPECT_THAT(html, Not(HasSubstr(text)));
  EXPECT_THAT(html, HasSubstr("</html>"));
}

TEST(HtmlReportTest, SaysWhetherContributionsWereMeasured) {
  v1::Report report = ReportNaming("c");
  report.mutable_manifest()->mutable_precision()->set_contribution_method(v1::CONTRIBUTION_METHOD_MEASURED);
  report.mutable_manifest()->mutable_precision()->mutable_layers(0)->set_alone_sqnr_db(31.4F);
  const std::string html = FormatHtmlReport(report);
  EXPECT_THAT(html, AllOf(HasSubstr("was measured"), HasSubstr("31.4"), Not(HasSubstr("is an estimate"))));
}

TEST(HtmlReportTest, HostileNamesStayText) {
  for (const std::string name : {"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onload='alert(1)",
                                 "</title></style>", "]]><!--", "</svg><iframe>"}) {
    const std::string html = FormatHtmlReport(ReportNaming(name));
    EXPECT_THAT(html, Not(HasSubstr(name))) << name;
    for (const char* tag : {"<img", "<iframe", "<script>alert", "<!--"}) EXPECT_THAT(html, Not(HasSubstr(tag)));
  }
  const std::string html = FormatHtmlReport(ReportNaming("\x1b[2J\xff"));
  EXPECT_THAT(html, AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\xff"))));
}

TEST(HtmlReportTest, LoadsNothingAndRunsOnlyItsOwnScript) {
  const std::string html = FormatHtmlReport(ReportNaming("c"));
  for (const char* text : {"http:", "https:", "src=", "@import", "url(", "<link"}) {
    EXPECT_THAT(html, Not(HasSubstr(text)));
  }
  const size_t begin = html.find("<script>") + 8;
  const std::string script = html.substr(begin, html.find("</script>") - begin);
  const std::string digest = absl::Base64Escape(absl::HexStringToBytes(base::Sha256(script)));
  EXPECT_THAT(html, HasSubstr(absl::StrCat("script-src 'sha256-", digest, "'")));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
}

TEST(HtmlReportTest, IsTheSameEachTime) {
  EXPECT_EQ(FormatHtmlReport(ReportNaming("c")), FormatHtmlReport(ReportNaming("c")));
}

}  // namespace
}  // namespace joinery::compiler
