// The vendor's configurations as their description has them, which is not part of this repository: it lies beside the
// models and images.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/file.h"
#include "tests/compiler/configuration/round_trips.h"

namespace joinery::compiler {
namespace {

using ::google::protobuf::Descriptor;
using ::google::protobuf::EnumDescriptor;
using ::google::protobuf::FileDescriptor;
using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SpecificationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("JOINERY_DATA");
    if (data == nullptr) GTEST_SKIP() << "skipped: no JOINERY_DATA";
    folder_ = std::filesystem::path(data).parent_path() / "spec";
    if (!std::filesystem::exists(folder_)) GTEST_SKIP() << "skipped: no " << folder_ << " beside JOINERY_DATA";
  }

  std::string Page(const std::string& name) const {
    auto text = base::ReadFile((folder_ / name).string(), int64_t{1} << 20);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : "";
  }

  std::filesystem::path folder_;
};

std::vector<std::string> FencedBlocks(const std::string& page) {
  std::vector<std::string> blocks;
  const std::vector<std::string> parts = absl::StrSplit(page, "```");
  for (size_t i = 1; i < parts.size(); i += 2) blocks.push_back(parts[i].substr(parts[i].find('\n') + 1));
  return blocks;
}

// A description of the fields, as opposed to a configuration, begins with the message's name.
bool IsSchema(const std::string& block) {
  return absl::StartsWith(block, "PulsarConfiguration {") || absl::StartsWith(block, "BuildConfig {");
}

// From `begin`, a brace, to the one that closes it.
std::string InBraces(const std::string& page, size_t begin) {
  int depth = 0;
  for (size_t end = begin; end < page.size(); ++end) {
    if (page[end] == '{') ++depth;
    if (page[end] == '}' && --depth == 0) return page.substr(begin, end + 1 - begin);
  }
  return "";
}

// The file's own lists that it does not print in full, "[..]", have numbers here.
std::string Completed(const std::string& json) {
  return absl::StrJoin(absl::StrSplit(json, "[..]"), "[103.939, 116.779, 123.68]");
}

std::vector<std::string> Configurations(const std::string& page) {
  std::vector<std::string> found;
  for (const std::string& block : FencedBlocks(page)) {
    if (!IsSchema(block) && absl::StrContains(block, "target_hardware")) found.push_back(block);
  }
  for (size_t at = page.find("{\"model_type\""); at != std::string::npos; at = page.find("{\"model_type\"", at + 1)) {
    found.push_back(Completed(InBraces(page, at)));
  }
  return found;
}

void AddNames(const EnumDescriptor& type, std::set<std::string>& names) {
  for (int i = 0; i < type.value_count(); ++i) names.insert(type.value(i)->name());
}

void AddNames(const Descriptor& message, std::set<std::string>& names) {
  for (int i = 0; i < message.field_count(); ++i) names.insert(message.field(i)->name());
  for (int i = 0; i < message.enum_type_count(); ++i) AddNames(*message.enum_type(i), names);
  for (int i = 0; i < message.nested_type_count(); ++i) AddNames(*message.nested_type(i), names);
}

std::set<std::string> NamesOf(const FileDescriptor& file) {
  std::set<std::string> names;
  for (int i = 0; i < file.message_type_count(); ++i) AddNames(*file.message_type(i), names);
  for (int i = 0; i < file.enum_type_count(); ++i) AddNames(*file.enum_type(i), names);
  return names;
}

// Values may be given without what they have in common: "MIXBIT_METRIC_TYPE_{HAWQv2,MSE,COS_SIM}".
bool IsKnown(const std::string& name, const std::set<std::string>& known) {
  return known.count(name) > 0 || std::any_of(known.begin(), known.end(), [&](const std::string& whole) {
           return absl::EndsWith(whole, "_" + name);
         });
}

// Words of several parts, "input_conf_items" and "CALIB_STRATEGY_PER_TENSOR": prose has none.
std::vector<std::string> NamesIn(const std::string& block) {
  std::vector<std::string> names;
  for (const absl::string_view whole : absl::StrSplit(block, '\n')) {
    const std::string line(whole.substr(0, whole.find('#')));
    std::string word;
    bool is_quoted = false;
    for (const char c : line + " ") {
      if (c == '"') is_quoted = !is_quoted;
      if (is_quoted) continue;
      if (absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_') {
        word += c;
        continue;
      }
      const bool is_name = absl::StrContains(word, "_") && word.front() != '_' && word.back() != '_' &&
                           absl::ascii_isalpha(static_cast<unsigned char>(word.front()));
      if (is_name) names.push_back(word);
      word.clear();
    }
  }
  return names;
}

TEST_F(SpecificationTest, EveryConfigurationIsReadAndRoundTripsChangeNothing) {
  size_t found = 0;
  for (const char* page : {"guide.md", "pulsar-v1.md", "pulsar2.md"}) {
    for (const std::string& text : Configurations(Page(page))) {
      SCOPED_TRACE(text);
      ExpectRoundTrips(text);
      ++found;
    }
  }
  EXPECT_GE(found, 2);
}

TEST_F(SpecificationTest, EveryFieldAndValueOfTheDescriptionIsKnown) {
  struct Case {
    const char* page;
    const FileDescriptor* file;
  };
  for (const Case& c : {Case{"pulsar-v1.md", v1::pulsar::PulsarConfiguration::descriptor()->file()},
                        Case{"pulsar2.md", v1::pulsar2::BuildConfig::descriptor()->file()}}) {
    const std::set<std::string> known = NamesOf(*c.file);
    size_t schemas = 0;
    for (const std::string& block : FencedBlocks(Page(c.page))) {
      if (!IsSchema(block)) continue;
      ++schemas;
      std::vector<std::string> unknown;
      for (const std::string& name : NamesIn(block)) {
        if (!IsKnown(name, known)) unknown.push_back(name);
      }
      EXPECT_THAT(unknown, IsEmpty()) << c.page;
      EXPECT_GT(NamesIn(block).size(), 50);
    }
    EXPECT_EQ(schemas, 1) << c.page;
  }
}

TEST_F(SpecificationTest, EveryOptionOfPulsar2BuildIsKnown) {
  std::vector<std::string> known;
  for (const Pulsar2Option& option : Pulsar2Options()) known.push_back(option.path);
  std::vector<std::string> missing;
  const std::string page = Page("pulsar2.md");
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    // "| `--quant.check` | 0,1 | ...".
    if (!absl::StartsWith(line, "| `--") || !absl::StrContains(line.substr(0, line.find("` ")), ".")) continue;
    const std::string path(line.substr(5, line.find_first_of("` [/", 5) - 5));
    if (std::find(known.begin(), known.end(), path) == known.end()) missing.push_back(path);
  }
  EXPECT_THAT(missing, IsEmpty());
  EXPECT_THAT(known, SizeIs(::testing::Gt(40)));
}

}  // namespace
}  // namespace joinery::compiler
