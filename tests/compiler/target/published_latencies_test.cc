// The cost model against every published latency: the same numbers as where its figures were fitted, and as near to
// what is published as it promises. Reads what tests/bench/cost_model/update wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "compiler/target/cost_model.h"
#include "compiler/target/layer_shapes.h"
#include "compiler/target/target.h"
#include "tests/testing/status_matchers.h"

namespace joinery::compiler {
namespace {

using ::joinery::testing::IsOk;

constexpr int64_t kLargestFile = int64_t{1} << 22;

using Row = std::map<std::string, std::string>;

std::string Read(const std::string& name) {
  const absl::StatusOr<std::string> text =
      base::ReadFile((std::filesystem::path(COST_MODEL_FOLDER) / name).string(), kLargestFile);
  EXPECT_THAT(text, IsOk());
  return text.value_or("");
}

std::vector<Row> Rows() {
  std::vector<Row> rows;
  std::vector<std::string> head;
  for (const absl::string_view line : absl::StrSplit(Read("published.tsv"), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> cells = absl::StrSplit(line, '\t');
    if (head.empty()) {
      head = cells;
      continue;
    }
    Row row;
    for (size_t i = 0; i < head.size() && i < cells.size(); ++i) row[head[i]] = cells[i];
    rows.push_back(row);
  }
  return rows;
}

double Number(const Row& row, const std::string& column) {
  double number = 0;
  EXPECT_TRUE(absl::SimpleAtod(row.at(column), &number)) << column << ": " << row.at(column);
  return number;
}

double EstimateMilliseconds(const Row& row) {
  const absl::StatusOr<std::vector<LayerShape>> layers =
      ParseLayerTable(Read(absl::StrCat("tables/", row.at("network"), ".tsv")));
  EXPECT_THAT(layers, IsOk());
  const absl::StatusOr<v1::TargetDescription> target = FindTarget(row.at("target"));
  EXPECT_THAT(target, IsOk());
  const absl::StatusOr<v1::NpuMode> mode = FindMode(*target, row.at("mode"));
  EXPECT_THAT(mode, IsOk());
  const absl::StatusOr<v1::Cost> cost = EstimateCost(*layers, /*boundary_bytes=*/0, *target, *mode);
  EXPECT_THAT(cost, IsOk());
  return cost.ok() ? cost->latency_ms() : 0;
}

// As numpy counts: between the two nearest, in proportion.
double Percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double place = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

TEST(PublishedLatenciesTest, EstimatesAreThoseOfTheFit) {
  int compared = 0;
  for (const Row& row : Rows()) {
    if (row.at("estimate_ms").empty()) continue;
    const double expected = Number(row, "estimate_ms");
    EXPECT_NEAR(EstimateMilliseconds(row), expected, 1e-6 * expected)
        << row.at("network") << " on " << row.at("target");
    ++compared;
  }
  EXPECT_GT(compared, 100);
}

// Errors of the rows that count and were not fitted to, by target; all under "".
std::map<std::string, std::vector<double>> TestedErrors() {
  std::map<std::string, std::vector<double>> errors;
  for (const Row& row : Rows()) {
    if (row.at("half") != "tested") continue;
    const double error = std::abs(Number(row, "estimate_ms") / Number(row, "latency_ms") - 1);
    errors[""].push_back(error);
    errors[row.at("target")].push_back(error);
  }
  return errors;
}

TEST(PublishedLatenciesTest, NearEnoughOnThoseThatWereNotFittedTo) {
  const std::vector<double> errors = TestedErrors()[""];
  ASSERT_GT(errors.size(), 30);
  EXPECT_LE(Percentile(errors, 0.5), 0.25);
  EXPECT_LE(Percentile(errors, 0.9), 0.60);
}

TEST(PublishedLatenciesTest, DescriptionsStateTheErrorsThatThereAre) {
  std::map<std::string, std::vector<double>> errors = TestedErrors();
  const absl::StatusOr<absl::Span<const v1::TargetDescription>> targets = AllTargets();
  ASSERT_THAT(targets, IsOk());
  for (const v1::TargetDescription& target : *targets) {
    const std::vector<double>& of_target = errors[target.name()];
    EXPECT_EQ(target.cost().tested_latencies(), of_target.size()) << target.name();
    if (of_target.empty()) continue;
    EXPECT_NEAR(target.cost().median_error_percent().value(), 100 * Percentile(of_target, 0.5), 0.06) << target.name();
    EXPECT_NEAR(target.cost().p90_error_percent().value(), 100 * Percentile(of_target, 0.9), 0.06) << target.name();
  }
}

}  // namespace
}  // namespace joinery::compiler
